"""What packages and releases are made of: version, dependencies, config file, tarball. tests/packages installs the packages themselves."""
import gzip
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tarfile
import zipfile

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBIAN = ROOT / "deploy" / "debian"
PROGRAM = pathlib.Path(os.environ.get("AKIDB_PROGRAM", ROOT / "build" / "akidb-embed"))
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
KEY = re.compile(r"^#(\w+) = (.*)$", re.M)


def read(*command, **settings):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def without_options():
    return {name: value for name, value in os.environ.items() if not name.startswith("AKIDB_")}


def test_the_version_is_the_same_everywhere():
    assert read(PROGRAM, "--version").split()[-1] == VERSION
    chart = yaml.safe_load((ROOT / "deploy" / "helm" / "akidb-embed" / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == VERSION
    base = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "base" / "kustomization.yaml").read_text())
    assert [image["newTag"] for image in base["images"]] == [VERSION]
    assert f"`akidb-embed:{VERSION}`" in (ROOT / "docs" / "KUBERNETES.md").read_text(encoding="utf-8")
    assert f'/* "{VERSION}" */' in (ROOT / "include" / "akidb" / "embed.h").read_text(encoding="utf-8")


def test_the_changelog_has_the_version():
    changelog = read(ROOT / "scripts" / "version", "debian-changelog")
    assert changelog.startswith(f"akidb-embed ({read(ROOT / 'scripts' / 'version', 'debian').strip()}) bookworm;")
    assert read(ROOT / "scripts" / "version", "notes").strip()
    headings = re.findall(r"^### (\w+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("version, debian", [("2.0.0-rc2", "2.0.0~rc2-1"), ("2.0.0", "2.0.0-1"), ("2.1.0", "2.1.0-1")])
def test_debian_sorts_candidates_before_releases(tmp_path, version, debian):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "version").write_bytes((ROOT / "scripts" / "version").read_bytes())
    (tmp_path / "VERSION").write_text(version + "\n")
    (tmp_path / "CHANGELOG.md").write_text(f"## [Unreleased]\n\nSoon.\n\n## [{version}] - 2026-01-31\n\nNotes.\n\n[{version}]: x\n")
    script = ["python3", tmp_path / "scripts" / "version"]
    assert read(*script, "debian").strip() == debian
    assert read(*script, "notes").strip() == "Notes."
    assert read(*script, "epoch").strip() == "1769817600"
    (tmp_path / "VERSION").write_text("9.9.9\n")
    done = subprocess.run(script + ["epoch"], capture_output=True, text=True)
    assert done.returncode == 1 and "hint: Add the heading ## [9.9.9]" in done.stderr


def test_the_package_is_built_with_the_libraries_of_the_build():
    """The same development packages as `make build` installs, but for those of the tests."""
    listed = set(read(ROOT / "scripts" / "install-packages", "--list", "build").split())
    control = (DEBIAN / "control").read_text(encoding="utf-8")
    needed = set(re.findall(r"^ ([\w+.-]+)", control.partition("Build-Depends:")[2].partition("Standards-Version")[0], re.M))
    assert {name for name in needed if name.endswith("-dev")} == {name for name in listed if name.endswith("-dev")} - {"libc6-dev", "libcmocka-dev"}
    assert needed - {"debhelper-compat"} <= listed


def test_the_config_file_of_the_package_is_taken(tmp_path):
    """As it is, and with every line in force; the lines have the defaults, where there are some."""
    text = (ROOT / "deploy" / "akidb-embed.conf").read_text(encoding="utf-8")
    plain = read(PROGRAM, "serve", "--print-config", env=without_options())
    shipped = read(PROGRAM, "serve", "--config", ROOT / "deploy" / "akidb-embed.conf", "--print-config", env=without_options())
    assert shipped == plain
    path = tmp_path / "all.conf"
    path.write_text(KEY.sub(r"\1 = \2", text))
    in_force = read(PROGRAM, "serve", "--config", path, "--print-config", env=without_options())
    for key, value in KEY.findall(text):
        assert f"\n{key} = {value}\n" in in_force
        assert f"\n{key} = {value}\n" in plain or f"\n# {key} is not set\n" in plain or key == "admin_port", key


def test_the_tarball_is_the_same_whatever_the_surroundings(tmp_path):
    """Another folder, umask, language and time zone; from the checkout, and from the tarball itself."""
    def make(script, name, umask, **environment):
        read("bash", "-c", f"umask {umask}; exec {script} {tmp_path / name}", env=os.environ | environment)
        return tmp_path / name / f"akidb-embed-{VERSION}.tar.gz"

    script = ROOT / "scripts" / "make-tarball"
    first = make(script, "one", "022", LC_ALL="C", TZ="UTC")
    second = make(script, "two/deeper", "077", LC_ALL="C.UTF-8", TZ="Pacific/Auckland")
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as archive:
        names = {member.name.partition("/")[2] for member in archive}
        assert {"MANIFEST", "VERSION", "CHANGELOG.md", "LICENSE", "meson.build", "deploy/debian/rules"} <= names
        assert all(member.uid == member.gid == 0 and member.mode in (0o644, 0o755) for member in archive)
        archive.extractall(tmp_path, filter="data")
    third = make(tmp_path / f"akidb-embed-{VERSION}" / "scripts" / "make-tarball", "three", "027")
    assert third.read_bytes() == first.read_bytes()


# Files of the packages of make_packages(), below usr/.
CONTENTS = {
    "akidb-embed": ["bin/akidb-embed", "share/man/man1/akidb-embed.1.gz", "share/bash-completion/completions/akidb-embed",
                    "share/fish/vendor_completions.d/akidb-embed.fish", "share/zsh/vendor-completions/_akidb-embed", "share/doc/akidb-embed/copyright"],
    "libakidb-embed2": ["lib/aarch64-linux-gnu/libakidb_embed.so.2.0.0"],
    "libakidb-embed-dev": ["include/akidb/embed.h", "lib/aarch64-linux-gnu/pkgconfig/akidb-embed.pc"],
}
DEPENDS = {"akidb-embed": "ca-certificates, libakidb-embed2, libcurl4 (>= 7.63.0) | libcurl5", "libakidb-embed2": "libc6 (>= 2.34)",
           "libakidb-embed-dev": "libakidb-embed2 (= 2)"}


def make_packages(folder):
    """A source tarball and packages with small contents for arm64, and a database of dpkg's with libraries; the database's folder."""
    debian = read(ROOT / "scripts" / "version", "debian").strip()
    (folder / f"akidb-embed-{VERSION}.tar.gz").write_bytes(b"source")
    for name, contents in CONTENTS.items():
        control = folder / name / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        control.write_text(f"Package: {name}\nVersion: {debian}\nArchitecture: arm64\nMaintainer: M <m@example.org>\nDepends: {DEPENDS[name]}\nDescription: none\n")
        for path in contents:
            file = folder / name / "usr" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(b"page") if path.endswith(".gz") else b"prefix=/usr\nlibdir=${prefix}/lib\n")
        read("dpkg-deb", "--root-owner-group", "--build", folder / name, folder / f"{name}_{debian}_arm64.deb")
    database = folder / "dpkg"
    (database / "info").mkdir(parents=True)
    stanza = "Package: {}\nStatus: install ok installed\nArchitecture: arm64\nVersion: {}\nMaintainer: M <m@example.org>\nDepends: {}\nDescription: none\n\n"
    (database / "arch").write_text("amd64\narm64\n")
    (database / "status").write_text(stanza.format("libcurl4", "7.88.1-10+deb12u14", "libc6, zlib1g") + stanza.format("libc6", "2.36-9", "")
                                     + stanza.format("zlib1g", "1:1.2.13", "libc6"))
    return database


def make_wheel(path, modes=(0o644, 0o755), reverse=False, date=(2020, 1, 2, 3, 4, 6)):
    """A wheel with a library inside, as auditwheel names it."""
    contents = {"akidb_embed/__init__.py": b"code", "akidb_embed/libakidb_embed.so.2": b"library", "akidb_embed.libs/libcurl-4-0badcafe.so.4.8.0": b"curl"}
    contents["akidb_embed-2.dist-info/RECORD"] = "\n".join(sorted(f"{name},hash,1" for name in contents)[::-1 if reverse else 1] + ["akidb_embed-2.dist-info/RECORD,,"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in sorted(contents.items(), reverse=reverse):
            entry = zipfile.ZipInfo(name, date)
            entry.external_attr = (0o100000 | modes[".so" in name]) << 16
            archive.writestr(entry, data)
    return path


def test_a_wheel_is_the_same_whatever_the_surroundings(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    wheels = [make_wheel(tmp_path / "one" / "a.whl"), make_wheel(tmp_path / "two" / "a.whl", (0o600, 0o700), True, (2024, 5, 6, 7, 8, 10))]
    assert wheels[0].read_bytes() != wheels[1].read_bytes()
    for wheel, zone in zip(wheels, ("UTC", "Pacific/Auckland"), strict=True):
        read(ROOT / "scripts" / "repack-wheel", wheel, env=os.environ | {"TZ": zone})
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as archive:
        entries = archive.infolist()
        assert [entry.filename for entry in entries][-1] == "akidb_embed-2.dist-info/RECORD" and archive.read("akidb_embed/__init__.py") == b"code"
        assert {entry.filename.rpartition("/")[2]: oct(entry.external_attr >> 16) for entry in entries} == {
            "__init__.py": "0o100644", "libakidb_embed.so.2": "0o100755", "libcurl-4-0badcafe.so.4.8.0": "0o100755", "RECORD": "0o100644"}


def test_the_spdx_document_names_what_the_packages_need(tmp_path):
    database = make_packages(tmp_path)
    (database / "info" / "libcurl4.list").write_text("/usr/lib/aarch64-linux-gnu/libcurl-4.so.4.8.0\n")
    wheel = make_wheel(tmp_path / "akidb_embed-2.0.0rc2-py3-none-manylinux_2_34_aarch64.whl")
    debian = read(ROOT / "scripts" / "version", "debian").strip()
    command = [ROOT / "scripts" / "make-sbom", tmp_path, "arm64", "--database", database]
    path = pathlib.Path(read(*command).strip())
    made = path.read_bytes()
    read(*command)
    assert path.read_bytes() == made
    document = json.loads(made)
    packages = {package["name"]: package for package in document["packages"]}
    assert {name: packages[name]["versionInfo"] for name in ("libcurl4", "libc6", "zlib1g", "ca-certificates")} == {
        "libcurl4": "7.88.1-10+deb12u14", "libc6": "2.36-9", "zlib1g": "1:1.2.13", "ca-certificates": "NOASSERTION"}
    assert packages["libcurl4"]["externalRefs"][0]["referenceLocator"] == "pkg:deb/debian/libcurl4@7.88.1-10%2Bdeb12u14?arch=arm64&distro=bookworm"
    by_id = {package["SPDXID"]: package["name"] for package in document["packages"]} | {"SPDXRef-DOCUMENT": ""}
    triples = {(by_id[row["spdxElementId"]], row["relationshipType"], by_id[row["relatedSpdxElement"]]) for row in document["relationships"]}
    program, library = f"akidb-embed_{debian}_arm64.deb", f"libakidb-embed2_{debian}_arm64.deb"
    assert {("", "DESCRIBES", program), (program, "DEPENDS_ON", library), (program, "DEPENDS_ON", "libcurl4"), ("libcurl4", "DEPENDS_ON", "zlib1g"),
            (library, "GENERATED_FROM", f"akidb-embed-{VERSION}.tar.gz"), ("", "DESCRIBES", wheel.name), (wheel.name, "CONTAINS", "libcurl4")} <= triples
    assert packages[wheel.name]["checksums"] == [{"algorithm": "SHA256", "checksumValue": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    assert packages[wheel.name]["externalRefs"][0]["referenceLocator"] == f"pkg:pypi/akidb-embed@2.0.0rc2?file_name={wheel.name}"


def files_of(tarball):
    with tarfile.open(tarball) as archive:
        assert all(member.uid == member.gid == 0 and member.mode in (0o644, 0o755) or member.issym() for member in archive)
        return {member.name.partition("/")[2]: archive.extractfile(member).read() for member in archive if member.isfile()}


def test_the_binary_tarball_is_whole_and_the_same_whatever_the_surroundings(tmp_path):
    """Made of packages with small contents; tests/packages makes it of the real ones."""
    made = []
    for name, umask, environment in (("one", "022", {"LC_ALL": "C", "TZ": "UTC"}), ("two/deeper", "077", {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Auckland"})):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        command = f"umask {umask}; exec {ROOT}/scripts/make-binary-tarball {folder} arm64 --database {make_packages(folder)}"
        made.append(pathlib.Path(read("bash", "-c", command, env=os.environ | environment).strip()))
    assert made[0].name == f"akidb-embed-{VERSION}-linux-arm64.tar.gz" and made[0].read_bytes() == made[1].read_bytes()
    files = files_of(made[0])
    assert set(files) == {
        "bin/akidb-embed", "include/akidb/embed.h", "lib/aarch64-linux-gnu/libakidb_embed.so.2.0.0", "lib/aarch64-linux-gnu/pkgconfig/akidb-embed.pc",
        "share/man/man1/akidb-embed.1", "share/bash-completion/completions/akidb-embed", "share/fish/vendor_completions.d/akidb-embed.fish",
        "share/zsh/site-functions/_akidb-embed", "etc/akidb-embed.conf", "systemd/akidb-embed.service", "systemd/akidb-embed.socket", "systemd/akidb-embed-cuda.conf",
        "LICENSE", "CHANGELOG.md", "INSTALL", "SHA256SUMS", "sbom.spdx.json"}
    assert files["share/man/man1/akidb-embed.1"] == b"page"
    assert files["lib/aarch64-linux-gnu/pkgconfig/akidb-embed.pc"].startswith(b"prefix=${pcfiledir}/../../..\n")
    sums = dict(reversed(line.split("  ")) for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(contents).hexdigest() for name, contents in files.items() if name != "SHA256SUMS"}
    document = json.loads(files["sbom.spdx.json"])
    listed = {file["fileName"].removeprefix("./"): file["checksums"][1]["checksumValue"] for file in document["files"]}
    assert listed == {name: digest for name, digest in sums.items() if name != "sbom.spdx.json"}
    assert {"libcurl4", "zlib1g", "libc6", "ca-certificates"} <= {package["name"] for package in document["packages"]}


def test_the_binary_tarball_says_which_libraries_it_needs():
    """Those of the release's packages: what the program is linked with, by Debian's names."""
    if subprocess.run(["grep", "-q", "__asan_init\\|__tsan_init", PROGRAM]).returncode == 0:
        pytest.skip("a sanitized program needs the sanitizer's library as well")
    needed = re.findall(r"\(NEEDED\).*\[(lib.+)\]", read("readelf", "--dynamic", PROGRAM))
    owners = read("dpkg-query", "--search", *(f"*-linux-gnu/{library}" for library in needed))
    text = (ROOT / "deploy" / "tarball" / "INSTALL").read_text(encoding="utf-8")
    told = re.search(r"apt-get install ((?:.*\\\n)*.*)\n", text)[1].replace("\\\n", " ").split()
    assert set(told) == {line.split(":")[0] for line in owners.splitlines()} - {"libc6"} | {"ca-certificates"}


@pytest.mark.parametrize("change, verdict", [
    (lambda folder: None, None), (lambda folder: (folder / "a.deb").write_bytes(b"other"), "a.deb: DIFFERS"),
    (lambda folder: (folder / "d.whl").unlink(), "d.whl: DIFFERS"),
    (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS: DIFFERS"), (lambda folder: (folder / "more.tar.gz").touch(), "more.tar.gz: DIFFERS")])
def test_both_sums_of_each_artefact_are_compared(tmp_path, change, verdict):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for file in ("a.deb", "b.tar.gz", "c.spdx.json", "d.whl", "SHA256SUMS"):
            (tmp_path / name / file).write_bytes(b"bytes")
    change(tmp_path / "second")
    done = subprocess.run([ROOT / "scripts" / "compare-artefacts", tmp_path / "first", tmp_path / "second"], capture_output=True, text=True)
    assert done.stdout.count(hashlib.sha256(b"bytes").hexdigest()) >= 9
    assert done.returncode == (0 if verdict is None else 1) and (verdict or "5 artefacts are the same") in done.stdout + done.stderr
    assert done.stdout.count("DIFFERS") == (0 if verdict is None else 1)
