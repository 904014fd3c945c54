"""A Terraform provider that knows a schema and nothing else.

Terraform starts it for `validate` and `test` in place of the real one, which it cannot fetch everywhere. It accepts
what fits the schema; it reads and makes nothing. Its one argument is a file that schema.py wrote.
"""

import base64
import json
import sys
import threading
from concurrent import futures
from datetime import datetime, timedelta, timezone

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tf.gen import grpc_controller_pb2 as controller
from tf.gen import grpc_controller_pb2_grpc as controller_services
from tf.gen import grpc_stdio_pb2_grpc as stdio_services
from tf.gen import tfplugin_pb2 as protocol
from tf.gen import tfplugin_pb2_grpc as services

PROTOCOL = 6
# `write_only` of protocol 6, which the Python bindings are too old to name: field 11, true.
WRITE_ONLY = bytes([11 << 3, 1])


def attribute(name, said):
    made = protocol.Schema.Attribute(name=name, type=json.dumps(said["type"]).encode(), computed=said["computed"],
                                     optional=said["optional"], required=said["required"])
    if said.get("write_only"):
        made.MergeFromString(WRITE_ONLY)
    return made


def block(said):
    nesting = protocol.Schema.NestedBlock.NestingMode
    return protocol.Schema.Block(
        attributes=[attribute(name, inner) for name, inner in said["attributes"].items()],
        block_types=[protocol.Schema.NestedBlock(
            type_name=name, block=block(inner["block"]), nesting=nesting.Value(inner["nesting"].upper()),
            min_items=inner["min"], max_items=inner["max"]) for name, inner in said["blocks"].items()])


def schema(said):
    return protocol.Schema(block=block(said))


class Provider(services.ProviderServicer):
    def __init__(self, said):
        self.answer = protocol.GetProviderSchema.Response(
            provider=schema(said["provider"]),
            resource_schemas={name: schema(inner) for name, inner in said["resources"].items()},
            data_source_schemas={name: schema(inner) for name, inner in said["data"].items()})

    def GetProviderSchema(self, request, context):
        return self.answer

    def ValidateProviderConfig(self, request, context):
        return protocol.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):
        return protocol.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request, context):
        return protocol.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request, context):
        return protocol.ConfigureProvider.Response()

    def StopProvider(self, request, context):
        return protocol.StopProvider.Response()


class Controller(controller_services.GRPCControllerServicer):
    def __init__(self, over):
        self.over = over

    def Shutdown(self, request, context):
        self.over.set()
        return controller.Empty()


class Stdio(stdio_services.GRPCStdioServicer):
    def StreamStdio(self, request, context):
        return iter(())


def certificate():
    """A key and a certificate for this one run; Terraform talks to its providers over TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                               serialization.NoEncryption())
    return secret, made


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        said = json.load(file)
    over = threading.Event()
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", -1)])
    services.add_ProviderServicer_to_server(Provider(said), server)
    controller_services.add_GRPCControllerServicer_to_server(Controller(over), server)
    stdio_services.add_GRPCStdioServicer_to_server(Stdio(), server)
    secret, made = certificate()
    pem = made.public_bytes(serialization.Encoding.PEM)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(secret, pem)]))
    server.start()
    der = base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")
    # The greeting of a plugin: version of the greeting, of the protocol, and where it listens.
    print(f"1|{PROTOCOL}|tcp|127.0.0.1:{port}|grpc|{der}", flush=True)
    over.wait()
    server.stop(grace=1).wait()


main()
