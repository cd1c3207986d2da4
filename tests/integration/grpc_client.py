"""Calls of the services in proto/ by grpcio, for the tests. The messages' classes are made from the definitions, which protoc-c
compiles; the bytes that go over the wire are grpcio's and protobuf's."""
import functools
import pathlib
import subprocess
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from embed_server import DEADLINE_S, ROOT

PROTO = ROOT / "proto"
EMBED = "/tei.v1.Embed/Embed"
EMBED_STREAM = "/tei.v1.Embed/EmbedStream"
INFER = "/inference.GRPCInferenceService/ModelInfer"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@functools.cache
def pool():
    with tempfile.NamedTemporaryFile() as output:
        names = [path.name for path in sorted(PROTO.glob("*.proto"))]
        subprocess.run(["protoc-c", f"--proto_path={PROTO}", f"--descriptor_set_out={output.name}", *names], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(output.name).read_bytes())
    made = descriptor_pool.DescriptorPool()
    for file in files.file:
        made.Add(file)
    return made


def method(path):
    service, name = path[1:].split("/")
    return pool().FindServiceByName(service).FindMethodByName(name)


def asks(path, **fields):
    """The message that a call takes."""
    return message_factory.GetMessageClass(method(path).input_type)(**fields)


class Calls:
    """Calls over one channel. target: "host:port"."""

    def __init__(self, target, credentials=None, options=(), metadata=()):
        self.metadata = list(metadata)
        self.channel = grpc.secure_channel(target, credentials, options) if credentials else grpc.insecure_channel(target, options)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.channel.close()

    def stub(self, path):
        kind = method(path)
        make = {(False, False): self.channel.unary_unary, (False, True): self.channel.unary_stream,
                (True, False): self.channel.stream_unary, (True, True): self.channel.stream_stream}
        replies = message_factory.GetMessageClass(kind.output_type)
        return make[kind.client_streaming, kind.server_streaming](
            path, request_serializer=lambda message: message.SerializeToString(), response_deserializer=replies.FromString)

    def __call__(self, path, timeout=DEADLINE_S, metadata=(), **fields):
        """The reply of a call with one message."""
        return self.stub(path)(asks(path, **fields), timeout=timeout, metadata=[*self.metadata, *metadata])

    def stream(self, path, messages, timeout=DEADLINE_S, metadata=()):
        """The replies of a call with a stream of messages, as they come."""
        return self.stub(path)(iter(messages), timeout=timeout, metadata=[*self.metadata, *metadata])

    def refused(self, path, **rest):
        """Code and message of a call that fails."""
        try:
            reply = self(path, **rest)
        except grpc.RpcError as error:
            return error.code(), error.details()
        raise AssertionError(f"{path} {rest}: not refused, {reply}")


def target_of(server):
    return "%s:%d" % server.address
