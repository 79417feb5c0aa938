"""Confluent's serializers for Python: JSON in, JSON out, bytes as base64.

    confluent_schemas.py < {url, topic, format, schema, values, bytes} > {written, read}
"""
import base64
import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

arguments = json.load(sys.stdin)
registry = SchemaRegistryClient({"url": arguments["url"]})
schema = arguments["schema"]
if arguments["format"] == "avro":
    serialize = AvroSerializer(registry, schema)
    deserialize = AvroDeserializer(registry, schema)
else:
    serialize = JSONSerializer(schema, registry)
    deserialize = JSONDeserializer(schema, schema_registry_client=registry)
context = SerializationContext(arguments["topic"], MessageField.VALUE)
written = [serialize(value, context) for value in arguments["values"]]
read = [deserialize(base64.b64decode(data), context) for data in arguments["bytes"]]
json.dump({"written": [base64.b64encode(data).decode() for data in written], "read": read},
          sys.stdout)
