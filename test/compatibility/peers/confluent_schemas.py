"""Confluent's serializers for Python: JSON in, JSON out, bytes as base64.

    confluent_schemas.py < {url, topic, format, schema, values, bytes} > {written, read}
"""
import base64
import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


def protobuf_class(fields):
    """Message shop.Order behind another one, as protoc would compile it."""
    file = descriptor_pb2.FileDescriptorProto(name="order.proto", package="shop", syntax="proto3")
    file.message_type.add(name="Before")
    size = file.enum_type.add(name="Size")
    for number, name in enumerate(["SMALL", "LARGE"]):
        size.value.add(name=name, number=number)
    order = file.message_type.add(name="Order")
    for number, (name, kind, label) in enumerate(fields, 1):
        field = order.field.add(name=name, number=number)
        field.type = getattr(field, f"TYPE_{kind.upper()}")
        field.label = field.LABEL_REPEATED if label == "repeated" else field.LABEL_OPTIONAL
        if kind == "enum":
            field.type_name = ".shop.Size"
        if label == "optional":
            field.proto3_optional = True
            field.oneof_index = len(order.oneof_decl)
            order.oneof_decl.add(name=f"_{name}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))


def protobuf_serdes(fields):
    message = protobuf_class(fields)
    serializer = ProtobufSerializer(message, registry)
    deserializer = ProtobufDeserializer(message)

    def serialize(value, context):
        return serializer(json_format.ParseDict(value, message()), context)

    def deserialize(data, context):
        options = {"always_print_fields_with_no_presence": True}
        return json_format.MessageToDict(deserializer(data, context), **options)

    return serialize, deserialize


arguments = json.load(sys.stdin)
registry = SchemaRegistryClient({"url": arguments["url"]})
schema = arguments["schema"]
if arguments["format"] == "avro":
    serialize = AvroSerializer(registry, schema)
    deserialize = AvroDeserializer(registry, schema)
elif arguments["format"] == "protobuf":
    serialize, deserialize = protobuf_serdes(json.loads(schema))
else:
    serialize = JSONSerializer(schema, registry)
    deserialize = JSONDeserializer(schema, schema_registry_client=registry)
context = SerializationContext(arguments["topic"], MessageField.VALUE)
written = [serialize(value, context) for value in arguments["values"]]
read = [deserialize(base64.b64decode(data), context) for data in arguments["bytes"]]
json.dump({"written": [base64.b64encode(data).decode() for data in written], "read": read},
          sys.stdout)
