"""A Terraform provider that knows a schema and nothing else.

Terraform talks to it for `validate` and `test` in place of the real one, which cannot be fetched everywhere. It
accepts what fits the schema; it reads and makes nothing. Its one argument is a file that schema.py wrote. It prints
the port on which it listens, and stops when its standard input is closed.
"""

import json
import sys
from concurrent import futures

import grpc
from tf.gen import grpc_controller_pb2 as controller
from tf.gen import grpc_controller_pb2_grpc as controller_services
from tf.gen import grpc_stdio_pb2_grpc as stdio_services
from tf.gen import tfplugin_pb2 as protocol
from tf.gen import tfplugin_pb2_grpc as services

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
    def Shutdown(self, request, context):
        # Each run of Terraform asks for this; the next one still needs the provider.
        return controller.Empty()


class Stdio(stdio_services.GRPCStdioServicer):
    def StreamStdio(self, request, context):
        return iter(())


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        said = json.load(file)
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", -1)])
    services.add_ProviderServicer_to_server(Provider(said), server)
    controller_services.add_GRPCControllerServicer_to_server(Controller(), server)
    stdio_services.add_GRPCStdioServicer_to_server(Stdio(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(grace=1).wait()


main()
