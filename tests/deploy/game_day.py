"""Game day: faults are injected into real servers, and the real Prometheus with the rules of deploy/prometheus must raise the
alert of each, which must end after the mitigation of the alert's entry in the runbook.

    make game-day                              all faults, into docs/GAME-DAY.md
    make game-day GAME_DAY_ARGS="--only overload --speed 1"

Time. Each time that the rules name (`for`, the windows of rates, the intervals of scrape and evaluation, Prometheus' lookback)
is divided by --speed, 15 by default, in a copy of the rules; expressions, thresholds and labels stay as they are. So a minute of
the rules takes four seconds. The service's own times are not scaled, but for --stuck-timeout (60 s) and OTEL_BSP_EXPORT_TIMEOUT
(30 s), which are divided as well. Counts per window (three restarts in half an hour) and rates per second keep their bounds, which makes them
harder to reach. --speed 1 runs the rules as they are.

Each fault has servers of its own, scraped at their admin ports with the fault's name as the label "namespace", by which the rules
are grouped. So all faults run at the same time and none raises another's alert.
"""
import argparse
import concurrent.futures
import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import httpx
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "chaos")]
from chaos import may  # noqa: E402
from embed_server import EMBED, MODEL, Server  # noqa: E402
from faulty_device import ALONE, FaultyDevice  # noqa: E402
from live_prometheus import Prometheus  # noqa: E402
from otlp_receiver import GrpcReceiver  # noqa: E402
from test_tls import Authority  # noqa: E402

RULES = [ROOT / "deploy" / "prometheus" / "rules" / name for name in ("recording.yml", "alerts.yml")]
RUNBOOK = ROOT / "docs" / "OPERATIONS-RUNBOOK.md"
JOB = "akidb-embed"
SCRAPE_S, LOOKBACK_S, STUCK_S, EXPORT_S = 15, 300, 60, 30
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(\d+)([smhd])")
PATIENCE = 3  # times as long as the rules take at most, for a busy machine


# ---- Rules ---------------------------------------------------------------------------------------------------------


def seconds(text):
    number, unit = DURATION.fullmatch(text).groups()
    return int(number) * UNITS[unit]


def shorter(text, speed):
    return f"{max(1, round(1000 * seconds(text) / speed))}ms"


def scaled(rules, speed):
    """A file of rules with each `for` and each window divided; the rest is left alone."""
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = re.sub(r"\[(\d+[smhd])\]", lambda window: f"[{shorter(window[1], speed)}]", rule["expr"])
            if "for" in rule:
                rule["for"] = shorter(rule["for"], speed)
    return rules


def alert_rules():
    return [rule for group in yaml.safe_load(RULES[1].read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def rule_of(fault):
    """The alert that a fault raises first."""
    found = [rule for rule in alert_rules() if rule["alert"] == fault.alert and fault.labels.items() <= rule["labels"].items()]
    assert len(found) == 1, (fault.alert, fault.labels)
    return found[0]


def duration(fault):
    return rule_of(fault).get("for", "0s")


def slowest(fault):
    """Seconds in which the rule must have fired and gone silent: its `for`, and the windows that it and its records look at."""
    recorded = {rule["record"]: rule["expr"] for group in yaml.safe_load(RULES[0].read_text(encoding="utf-8"))["groups"]
                for rule in group["rules"]}
    rule = rule_of(fault)
    text = rule["expr"] + " ".join(expr for name, expr in recorded.items() if name in rule["expr"])
    windows = [seconds(window) for window in re.findall(r"\[(\d+[smhd])\]", text)]
    shortest = [window for window in windows if window <= 3600]
    return seconds(rule.get("for", "0s")) + max(shortest, default=0) + 4 * SCRAPE_S


class Watch(threading.Thread):
    """Asks Prometheus for its alerts all the time."""

    def __init__(self, prometheus):
        super().__init__(daemon=True)
        self.prometheus, self.ending, self.lock = prometheus, threading.Event(), threading.Lock()
        self.now, self.ever = {}, {}  # {namespace: {(name, burn rate)}}; those of now and all so far
        self.start()

    def run(self):
        while not self.ending.wait(0.2):
            found = {}
            for alert in self.prometheus.get("/api/v1/alerts")["data"]["alerts"]:
                labels = alert["labels"]
                if alert["state"] == "firing":
                    found.setdefault(labels.get("namespace"), set()).add((labels["alertname"], labels["severity"], labels.get("burn_rate")))
            with self.lock:
                self.now = found
                for namespace, names in found.items():
                    self.ever.setdefault(namespace, set()).update(names)

    def firing(self, fault, ever=False):
        with self.lock:
            return set((self.ever if ever else self.now).get(fault.name, ()))

    def stop(self):
        self.ending.set()
        self.join()


# ---- What faults are made of ---------------------------------------------------------------------------------------


class Traffic:
    """Clients that each send one request after the other, with a pause between two, to whatever server the fault has now."""

    def __init__(self, fault, clients, pause_s, headers=()):
        self.fault, self.pause_s, self.headers, self.ending = fault, pause_s, dict(headers), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        count = 0
        while not self.ending.wait(self.pause_s):
            count += 1
            with contextlib.suppress(httpx.HTTPError):
                httpx.post(self.fault.server.url + EMBED, json={"texts": [f"client {number} sends text {count}"]}, headers=self.headers,
                           timeout=60)

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Fault:
    """One fault: `prepare` starts what it needs, `inject` breaks it, `mitigate` does what the runbook says.

    alert, labels: the alert that must fire first. says: the words of its entry in the runbook that `mitigate` follows.
    injected, done: both in words, for the report.
    """
    labels = {}
    instances = 1

    def __init__(self, folder, stack, speed):
        self.folder, self.stack, self.speed = folder / self.name, stack, speed
        self.folder.mkdir()
        self.ports = [free_port() for _ in range(self.instances)]
        self.servers = [None] * self.instances

    @property
    def server(self):
        return self.servers[0]

    def keep(self, server, number=0):
        """From now on the fault's server; ended with the game day."""
        self.servers[number] = server
        self.stack.callback(server.kill)

    def start(self, *arguments, number=0, start=Server, **keywords):
        self.keep(start("--threads", "1", "--admin-port", str(self.ports[number]), *arguments, **keywords), number)

    def traffic(self, clients=1, pause_s=0.5, headers=()):
        made = Traffic(self, clients, pause_s, headers)
        self.stack.callback(made.stop)
        return made

    def prepare(self):
        self.start()

    def reset_breaker(self):
        httpx.post(f"http://127.0.0.1:{self.ports[0]}/admin/breaker/reset", timeout=60).raise_for_status()


class Killed(Fault):
    name = "killed"
    injected = "The process of the only instance is killed by signal 9."
    alert = "AkidbEmbedDown"
    says = "mend the cause or roll back, start it"
    done = "It is started again."

    def inject(self):
        self.server.kill()

    def mitigate(self):
        self.start()


class Paused(Fault):
    name = "paused"
    injected = "One of two instances is stopped by SIGSTOP, as by a paused container."
    alert = "AkidbEmbedInstanceDown"
    says = "goes on by `kill -CONT PID`"
    done = "It goes on by SIGCONT."
    instances = 2

    def prepare(self):
        self.start()
        self.start(number=1)

    def inject(self):
        self.server.send_signal(signal.SIGSTOP)

    def mitigate(self):
        self.server.send_signal(signal.SIGCONT)


class WithDevice(Fault):
    """The server has a simulated GPU, which fails as it is told to."""
    timeout = "100s"
    more = ()

    def prepare(self):
        self.device = FaultyDevice(self.folder)
        self.start(*self.more, timeout=self.timeout, start=self.device.serve)


class Stuck(WithDevice):
    name = "stuck"
    injected = "A pass hangs in the device, and with it a worker."
    alert = "AkidbEmbedStuck"
    says = "Then restart: SIGTERM ends it at the"
    done = "SIGTERM, and a new start."
    timeout = "1h"

    @property
    def more(self):
        return "--stuck-timeout", f"{round(1000 * STUCK_S / self.speed)}ms", "--drain-timeout", "0s"

    def inject(self):
        self.device.be("hang")
        self.hung = self.traffic(1, 0)

    def mitigate(self):
        self.hung.ending.set()
        self.server.stop()
        self.device.be("ok")
        self.start(*self.more, timeout=self.timeout, start=self.device.serve)


class DeviceFails(WithDevice):
    name = "gpu-fails"
    injected = "Each pass fails on the GPU."
    alert = "AkidbEmbedBreakerOpen"
    says = "When the cause is mended and you do not\nwant to wait: `curl -X POST http://127.0.0.1:ADMIN_PORT/admin/breaker/reset`"
    done = "The GPU works again, and `POST /admin/breaker/reset`."

    def inject(self):
        self.device.be("fail")
        self.traffic()

    def mitigate(self):
        self.device.be("ok")
        self.reset_breaker()


class DeviceSlow(WithDevice):
    name = "gpu-slow"
    injected = "Each pass takes 1.5 s on the GPU."
    alert = "AkidbEmbedLatencyHigh"
    says = "If the GPU itself is slow and its breaker closed, restart with `--device cpu`"
    done = "Restarted with `--device cpu`."

    def inject(self):
        self.device.be("slow 1500")
        self.traffic(2, 0.1)

    def mitigate(self):
        self.server.stop()
        self.start(*ALONE, "--device", "cpu")


class CollectorDies(Fault):
    name = "collector-dies"
    injected = "The collector of traces ends; nothing listens at its port."
    alert = "AkidbEmbedSpansDropped"
    says = "Restart or scale the collector"
    done = "A new collector at the same port."

    def collect(self, port=0):
        self.collector = GrpcReceiver(port=port)
        self.collector.__enter__()

    def prepare(self):
        self.collect()
        self.stack.callback(lambda: self.collector.__exit__(None, None, None))
        self.start(environment=self.collector.environment | {"OTEL_TRACES_SAMPLER": "always_on",
                                                             "OTEL_BSP_EXPORT_TIMEOUT": str(round(1000 * EXPORT_S / self.speed))})
        self.traffic()

    def inject(self):
        self.collector.__exit__(None, None, None)

    def mitigate(self):
        self.collect(self.collector.port)


class DiskFull(Fault):
    name = "disk-full"
    injected = "The file system of the log has no room left."
    alert = "AkidbEmbedLogLinesDropped"
    says = "Make room"
    done = "What filled it is deleted."

    def prepare(self):
        if not may("mount", "-t", "tmpfs", "-o", "size=1m", "akidb-game-day", str(self.folder)):
            raise NotHere("mounting a tmpfs is not allowed")
        self.stack.callback(subprocess.run, ["umount", "-l", str(self.folder)], check=True)
        former, tempfile.tempdir = tempfile.tempdir, str(self.folder)  # where Server keeps the log
        try:
            self.start()
        finally:
            tempfile.tempdir = former
        self.traffic()

    def inject(self):
        with open(self.folder / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 512):
                pass

    def mitigate(self):
        (self.folder / "filler").unlink()


class MemoryNear(Fault):
    name = "memory"
    injected = "Clients open connections and keep them until 90 % of --memory-limit are in use."
    alert = "AkidbEmbedMemoryNearLimit"
    says = "Or raise `--memory-limit` and the control group's\nlimit together"
    done = "Restarted with twice the limit; the clients connect again."

    def prepare(self):
        self.connections = []
        self.stack.callback(self.leave)
        self.start()
        with self.server.client() as client:
            client.post(EMBED, json={"texts": ["a text"]}).raise_for_status()
        self.limit_mb = round(self.server.rss_bytes() / 0.75 / 1e6)
        self.server.stop()
        self.start("--memory-limit", f"{self.limit_mb}MB")

    def leave(self):
        for client in self.connections:
            client.reset()
        self.connections = []

    def connect(self):
        client = self.server.connect()
        for _ in range(2):  # the second request takes the buffer
            client.send(b"GET /health/live HTTP/1.1\r\nHost: game-day\r\n\r\n")
            client.reply()
        self.connections.append(client)

    def inject(self):
        while self.server.rss_bytes() < 0.9 * self.limit_mb * 1e6:
            assert len(self.connections) < 1000, "memory does not grow"
            self.connect()

    def mitigate(self):
        count = len(self.connections)
        self.leave()
        self.server.stop()
        self.start("--memory-limit", f"{2 * self.limit_mb}MB")
        for _ in range(count):
            self.connect()


class CertificateEnds(Fault):
    name = "certificate"
    injected = "The certificate is replaced by one that ends in two days, and SIGHUP sent."
    alert = "AkidbEmbedCertificateEndsSoon"
    labels = {"severity": "page"}
    says = "Put the new certificate and key in place and `systemctl reload akidb-embed`"
    done = "A certificate for 90 days in its place, and SIGHUP."

    def prepare(self):
        self.authority = Authority(self.folder, "ca")
        files = self.authority.issue("server", days=90)
        self.start("--tls-certificate", files[0], "--tls-key", files[1])

    def inject(self):
        self.authority.issue("server", days=2)
        self.server.send_signal(signal.SIGHUP)

    def mitigate(self):
        self.authority.issue("server", days=90)
        self.server.send_signal(signal.SIGHUP)


class Overload(WithDevice):
    name = "overload"
    injected = "Twelve clients of one API key ask a service that takes four requests at a time and 0.2 s for each; another asks now and then."
    alert = "AkidbEmbedRejectionsHigh"
    says = "remove its key from the file of `--api-keys` and reload"
    done = "The key is removed from the file, and SIGHUP."

    @property
    def more(self):
        return "--max-queue-requests", "3", "--api-keys", self.keys

    def write_keys(self, *names):
        self.keys.write_text("".join(f"{name}:{hashlib.sha256((name * 8).encode()).hexdigest()}\n" for name in names))
        self.keys.chmod(0o600)

    def prepare(self):
        self.keys = self.folder / "keys.txt"
        self.write_keys("greedy", "modest")
        super().prepare()
        self.traffic(1, 1, {"x-api-key": "modest" * 8})

    def inject(self):
        self.device.be("slow 200")
        self.traffic(12, 0.1, {"x-api-key": "greedy" * 8})

    def mitigate(self):
        self.write_keys("modest")
        self.server.send_signal(signal.SIGHUP)


class ModelCut(Fault):
    name = "model-cut"
    injected = "The model's file is cut in place under the running server."
    alert = "AkidbEmbedErrorBudgetBurn"
    labels = {"burn_rate": "14.4"}
    says = "`model_changed` | the program or its model | [AkidbEmbedInternalErrors](#akidbembedinternalerrors)"
    done = "The file is restored, and the server restarted."

    def prepare(self):
        self.model = self.folder / "model"
        shutil.copytree(os.path.realpath(MODEL), self.model)
        self.start(model=self.model)
        self.traffic(2, 0.2)

    def inject(self):
        os.truncate(self.model / "model.safetensors", 4096)

    def mitigate(self):
        self.server.stop()
        shutil.copyfile(os.path.realpath(MODEL / "model.safetensors"), self.model / "model.safetensors")
        self.start(model=self.model)


FAULTS = [Killed, Paused, Stuck, DeviceFails, DeviceSlow, CollectorDies, DiskFull, MemoryNear, CertificateEnds, Overload, ModelCut]


class NotHere(Exception):
    """This machine does not allow the fault."""


# ---- The day -------------------------------------------------------------------------------------------------------


def wait_for(condition, limit_s, what):
    """Seconds until it holds."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > limit_s:
            raise AssertionError(f"{what}: not within {limit_s:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - begun


def wanted(fault):
    """The alert that the fault must raise, as Watch names it."""
    return fault.alert, rule_of(fault)["labels"]["severity"], fault.labels.get("burn_rate")


def play(fault, watch):
    """What came of one fault: seconds until its alert fired and until it was silent, and the alerts beside it."""
    limit_s = 60 + PATIENCE * slowest(fault) / fault.speed
    alert = wanted(fault)
    fault.inject()
    fired_s = wait_for(lambda: alert in watch.firing(fault), limit_s, f"{fault.name}: {fault.alert} fires")
    fault.mitigate()
    silent_s = wait_for(lambda: alert not in watch.firing(fault), limit_s, f"{fault.name}: {fault.alert} goes silent")
    # A restart alone ends an alert as well, because its series end: the alert must not come back.
    time.sleep((seconds(duration(fault)) + 4 * SCRAPE_S) / fault.speed)
    assert alert not in watch.firing(fault), f"{fault.name}: {fault.alert} fires again"
    beside = sorted({name.removeprefix("AkidbEmbed") for name, _, _ in watch.firing(fault, ever=True)} - {fault.alert.removeprefix("AkidbEmbed")})
    print(f"{fault.name}: {fault.alert} after {fired_s:.1f} s, silent {silent_s:.1f} s after the mitigation", flush=True)
    assert fault.server.process.poll() is None, f"{fault.name}: the server has ended"
    return {"fault": fault, "fired_s": fired_s, "silent_s": silent_s, "beside": beside}


def configuration(faults, folder, speed):
    for path in RULES:
        (folder / path.name).write_text(yaml.safe_dump(scaled(yaml.safe_load(path.read_text(encoding="utf-8")), speed)), encoding="utf-8")
    interval = f"{round(1000 * SCRAPE_S / speed)}ms"
    targets = [{"targets": [f"127.0.0.1:{port}" for port in fault.ports], "labels": {"namespace": fault.name}} for fault in faults]
    return {"global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
            "rule_files": [str(folder / path.name) for path in RULES],
            "scrape_configs": [{"job_name": JOB, "static_configs": targets}]}


def prepared(kinds, folder, stack, speed):
    """The faults that this machine allows, and the reasons of the others."""
    faults, missing = [], []
    for kind in kinds:
        fault = kind(folder, stack, speed)
        try:
            fault.prepare()
            faults.append(fault)
        except NotHere as reason:
            missing.append(f"{fault.name}: {reason}")
    return faults, missing


def game_day(kinds, speed):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="akidb-game-day-")))
        faults, missing = prepared(kinds, folder, stack, speed)
        prometheus = stack.enter_context(Prometheus(configuration(faults, folder, speed), folder,
                                                    f"--query.lookback-delta={LOOKBACK_S / speed:.0f}s"))
        watch = Watch(prometheus)
        stack.callback(watch.stop)
        scraped = f'count(up{{job="{JOB}"}} == 1)'
        expected = str(sum(fault.instances for fault in faults))
        wait_for(lambda: any(row["value"][1] == expected for row in prometheus.ask(scraped)), 120, "all instances are scraped")
        time.sleep(4 * SCRAPE_S / speed)
        early = [fault.name for fault in faults if wanted(fault) in watch.firing(fault)]
        assert not early, f"alerts before their faults: {early}"
        with concurrent.futures.ThreadPoolExecutor(len(faults)) as pool:
            return [one.result() for one in [pool.submit(play, fault, watch) for fault in faults]], missing


def report(results, missing, speed):
    lines = ["# Game day", "",
             f"Made by `make game-day` on {datetime.date.today()}, {len(os.sched_getaffinity(0))} CPUs; do not edit by hand. "
             f"{len(results)} faults were injected into real servers, each with an instance of its own, under Prometheus with the rules of",
             "[deploy/prometheus/rules](../deploy/prometheus/rules). Each alert had to fire, and to go silent after what its entry in the "
             "[runbook](OPERATIONS-RUNBOOK.md#alerts) says, and not to come back for the time of its `for`.", "",
             f"All times of the rules were divided by {speed:g} (`for`, windows, scrape and evaluation intervals); expressions, thresholds and labels "
             "were those of the rules. So a",
             f"second in this table stands for {speed:g} s in production, as far as it is the rules' time; what the service itself needs, such as a "
             "restart, is not scaled.", "",
             "| fault | alert | `for` | fired after | mitigation | silent after | other alerts |", "|---|---|---|---|---|---|---|"]
    for one in results:
        fault, rule = one["fault"], rule_of(one["fault"])
        burn = f", burn rate {fault.labels['burn_rate']}" if "burn_rate" in fault.labels else ""
        lines.append(f"| {fault.injected} | [{fault.alert}](OPERATIONS-RUNBOOK.md#{fault.alert.lower()}) ({rule['labels']['severity']}{burn}) | "
                     f"{duration(fault)} | {one['fired_s']:.1f} s | {fault.done} | {one['silent_s']:.1f} s | {', '.join(one['beside'])} |")
    lines += [f"\nNot on this machine: {reason}." for reason in missing]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=15, help="by what the times of the rules are divided (15)")
    parser.add_argument("--only", nargs="+", choices=[kind.name for kind in FAULTS], help="these faults")
    parser.add_argument("--output", type=pathlib.Path, help="the report, in Markdown")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left mounted or running
    kinds = [kind for kind in FAULTS if not arguments.only or kind.name in arguments.only]
    text = report(*game_day(kinds, arguments.speed), arguments.speed)
    if arguments.output and not arguments.only:
        arguments.output.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
