"""confluent-kafka (librdkafka) for the tests: one command per run, JSON in, JSON out.

    confluent.py COMMAND BOOTSTRAP < arguments.json > result.json

Bytes travel as base64; None stays null.
"""
import base64
import json
import sys
import time

from confluent_kafka import (
    OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError,
    KafkaException, Producer, TopicPartition)
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
    OffsetSpec)

DEADLINE_S = 60


def encode(data):
    return None if data is None else base64.b64encode(data).decode()


def decode(text):
    return None if text is None else base64.b64decode(text)


def produce(bootstrap, args):
    """Writes records; gives back offset or error name of each, in order."""
    producer = Producer({"bootstrap.servers": bootstrap, **args.get("config", {})})
    results = [None] * len(args["records"])

    def report(index):
        def on_delivery(error, message):
            results[index] = error.name() if error else [message.partition(), message.offset()]
        return on_delivery

    for i, record in enumerate(args["records"]):
        producer.produce(
            args["topic"], key=decode(record.get("key")), value=decode(record.get("value")),
            partition=record.get("partition", -1), timestamp=record.get("timestamp", 0),
            headers=[(k, decode(v)) for k, v in record.get("headers", [])],
            on_delivery=report(i))
        producer.poll(0)
    producer.flush(DEADLINE_S)
    return results


def as_json(message):
    return {
        "topic": message.topic(), "partition": message.partition(), "offset": message.offset(),
        "key": encode(message.key()), "value": encode(message.value()),
        "timestamp": message.timestamp()[1],
        "headers": [[k, encode(v)] for k, v in (message.headers() or [])],
    }


def consume(bootstrap, args):
    """Reads `count` records, by assignment from the beginning or as a member of a group."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": args.get("group", "reader"),
        "auto.offset.reset": "earliest", "enable.auto.commit": False, **args.get("config", {})})
    if "group" in args:
        consumer.subscribe([args["topic"]])
    else:
        consumer.assign([TopicPartition(args["topic"], p, OFFSET_BEGINNING)
                         for p in args.get("partitions", [0])])
    records, deadline = [], time.monotonic() + DEADLINE_S
    while len(records) < args["count"] and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        records.append(as_json(message))
    if args.get("commit"):
        consumer.commit(asynchronous=False)
    consumer.close()
    return records


class Member:
    """A member of a group that counts what it was given."""

    def __init__(self, bootstrap, args, name):
        self.owned, self.values, self.rebalances = set(), [], 0
        self.consumer = Consumer({
            "bootstrap.servers": bootstrap, "client.id": name, "group.id": args["group"],
            "auto.offset.reset": "earliest", "session.timeout.ms": 10000,
            "partition.assignment.strategy": args["strategy"], "enable.auto.commit": False,
            **args.get("config", {})})
        self.consumer.subscribe([args["topic"]], on_assign=self.assigned, on_revoke=self.revoked)
        self.cooperative = args["strategy"].startswith("cooperative")

    def assigned(self, consumer, partitions):
        self.rebalances += 1
        self.owned |= {p.partition for p in partitions}
        (consumer.incremental_assign if self.cooperative else consumer.assign)(partitions)

    def revoked(self, consumer, partitions):
        self.owned -= {p.partition for p in partitions}
        if self.cooperative:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def poll(self):
        message = self.consumer.poll(0.05)
        if message is not None and not message.error():
            self.values.append(message.value().decode())
            self.consumer.commit(message, asynchronous=False)


def poll_until(members, what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: {[sorted(m.owned) for m in members]}")
        for member in members:
            member.poll()


def group(bootstrap, args):
    """Three members join one by one, share all partitions, two leave; then one comes back."""
    everything, producer = set(range(args["partitions"])), Producer({"bootstrap.servers": bootstrap})

    def feed(label):
        for p in everything:
            producer.produce(args["topic"], value=f"{label}/{p}".encode(), partition=p)
        producer.flush(DEADLINE_S)

    members, shares = [], []
    for i in range(3):
        members.append(Member(bootstrap, args, f"member-{i}"))
        poll_until(members, f"{i + 1} members", lambda: (
            all(m.owned for m in members)
            and sorted(p for m in members for p in m.owned) == sorted(everything)
            and max(len(m.owned) for m in members) - min(len(m.owned) for m in members) <= 1))
        shares.append(sorted(len(m.owned) for m in members))
        feed(f"round {i}")
        total = args["partitions"] * (i + 1)
        poll_until(members, "records", lambda: sum(len(m.values) for m in members) >= total)
    for _ in range(2):
        members.pop(0).consumer.close()
    poll_until(members, "takeover", lambda: members[0].owned == everything)
    values = list(members[0].values)
    members[0].consumer.close()
    feed("round 3")
    last = Member(bootstrap, args, "member-9")
    poll_until([last], "resume", lambda: len(last.values) >= args["partitions"])
    last.consumer.close()
    return {"shares": shares, "resumed": sorted(last.values), "earlier": len(values)}


def failure(future):
    try:
        future.result()
        return None
    except KafkaException as error:
        return error.args[0].name()


def admin(bootstrap, args):
    """A life of a topic through the admin client; what came out of each step."""
    client, topic, out = AdminClient({"bootstrap.servers": bootstrap}), args["topic"], {}
    new = NewTopic(topic, 2, 1, config={"retention.ms": "3600000"})
    out["created"] = failure(client.create_topics([new])[topic])
    out["again"] = failure(client.create_topics([new])[topic])
    out["badConfig"] = failure(client.create_topics(
        [NewTopic(topic + "-bad", 1, 1, config={"retention.ms": "soon"})])[topic + "-bad"])
    out["badName"] = failure(client.create_topics([NewTopic("no/slash", 1, 1)])["no/slash"])
    out["badFactor"] = failure(client.create_topics([NewTopic(topic + "-3", 1, 3)])[topic + "-3"])
    out["widened"] = failure(client.create_partitions([NewPartitions(topic, 5)])[topic])
    out["narrowed"] = failure(client.create_partitions([NewPartitions(topic, 3)])[topic])
    out["partitions"] = len(client.list_topics(topic, timeout=30).topics[topic].partitions)
    out["configs"] = configs(client, topic)
    out["offsets"] = offsets(client, bootstrap, topic)
    out["deleted"] = failure(client.delete_topics([topic])[topic])
    out["deletedAgain"] = failure(client.delete_topics([topic])[topic])
    cluster = client.describe_cluster(request_timeout=30).result()
    out["nodes"] = [(n.id, n.host) for n in cluster.nodes]
    return out


def configs(client, topic):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)

    def alter(operation, name, value):
        change = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=operation)])
        return failure(client.incremental_alter_configs([change])[change])

    def value(name):
        return client.describe_configs([resource])[resource].result()[name].value

    op, out = AlterConfigOpType, {"start": value("retention.ms")}
    out["set"] = [alter(op.SET, "retention.ms", "7200000"), value("retention.ms")]
    out["delete"] = [alter(op.DELETE, "retention.ms", None), value("retention.ms")]
    out["append"] = [alter(op.APPEND, "cleanup.policy", "compact"), value("cleanup.policy")]
    out["subtract"] = [alter(op.SUBTRACT, "cleanup.policy", "delete"), value("cleanup.policy")]
    out["appendToNumber"] = alter(op.APPEND, "retention.ms", "1")
    out["unknown"] = alter(op.SET, "no.such.setting", "1")
    out["restored"] = [alter(op.SET, "cleanup.policy", "delete"), value("cleanup.policy")]
    return out


def offsets(client, bootstrap, topic):
    records = [{"value": encode(str(t).encode()), "partition": 0, "timestamp": t}
               for t in (1000, 2000, 3000, 2500)]
    produce(bootstrap, {"topic": topic, "records": records})
    part, out = TopicPartition(topic, 0), {}

    def listed(spec):
        result = client.list_offsets({part: spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        found = result[part].result()
        return [found.offset, found.timestamp]

    out["earliest"] = listed(OffsetSpec.earliest())
    out["latest"] = listed(OffsetSpec.latest())
    out["max"] = listed(OffsetSpec.max_timestamp())
    out["at"] = [listed(OffsetSpec.for_timestamp(t)) for t in (0, 1500, 2000, 2600, 3001)]
    group = topic + "-group"
    wanted = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 3)])]
    altered = client.alter_consumer_group_offsets(wanted)[group].result()
    out["altered"] = [p.offset for p in altered.topic_partitions]
    asked = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])]
    listed_group = client.list_consumer_group_offsets(asked)[group].result()
    out["committed"] = [p.offset for p in listed_group.topic_partitions]
    removed = client.delete_records([TopicPartition(topic, 0, 2)])
    out["lowWatermark"] = [f.result().low_watermark for f in removed.values()]
    out["groups"] = [g.group_id for g in client.list_consumer_groups().result().valid
                     if g.group_id == group]
    out["groupDeleted"] = failure(client.delete_consumer_groups([group])[group])
    out["groupDeletedAgain"] = failure(client.delete_consumer_groups([group])[group])
    return out


COMMANDS = {"produce": produce, "consume": consume, "group": group, "admin": admin}

if __name__ == "__main__":
    command, bootstrap = sys.argv[1:]
    json.dump(COMMANDS[command](bootstrap, json.load(sys.stdin)), sys.stdout)
