import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.KRaftVersionRecordJsonConverter;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.LeaderChangeMessageJsonConverter;
import org.apache.kafka.common.message.SnapshotFooterRecordJsonConverter;
import org.apache.kafka.common.message.SnapshotHeaderRecordJsonConverter;
import org.apache.kafka.common.message.VotersRecordJsonConverter;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;

/** Record batches as Apache Kafka reads and writes them. */
final class Batches {
    private Batches() {}

    static JsonNode read(JsonNode request) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(request.get("bytes").binaryValue());
        ArrayNode batches = JsonNodeFactory.instance.arrayNode();
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(bytes).batches()) {
            batch.ensureValid();
            ObjectNode node = batches.addObject();
            node.put("baseOffset", batch.baseOffset());
            node.put("lastOffset", batch.lastOffset());
            node.put("leaderEpoch", batch.partitionLeaderEpoch());
            node.put("compression", (int) batch.compressionType().id);
            node.put("maxTimestamp", batch.maxTimestamp());
            node.put("isLogAppendTime", batch.timestampType() == TimestampType.LOG_APPEND_TIME);
            node.put("isTransactional", batch.isTransactional());
            node.put("isControl", batch.isControlBatch());
            node.put("producerId", batch.producerId());
            node.put("producerEpoch", batch.producerEpoch());
            node.put("baseSequence", batch.baseSequence());
            node.put("recordsCount", batch.countOrNull());
            if (batch.deleteHorizonMs().isPresent()) {
                node.put("deleteHorizon", batch.deleteHorizonMs().getAsLong());
            }
            ArrayNode records = node.putArray("records");
            for (Record record : batch) records.add(readRecord(record));
        }
        return batches;
    }

    private static ObjectNode readRecord(Record record) {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("offset", record.offset());
        node.put("timestamp", record.timestamp());
        node.put("key", bytesOf(record.key()));
        node.put("value", bytesOf(record.value()));
        ArrayNode headers = node.putArray("headers");
        for (Header header : record.headers()) {
            headers.addObject().put("key", header.key()).put("value", header.value());
        }
        return node;
    }

    private static byte[] bytesOf(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    static JsonNode write(JsonNode request) throws IOException {
        boolean isAppendTime = request.get("isLogAppendTime").asBoolean();
        MemoryRecordsBuilder builder = MemoryRecords.builder(
            ByteBuffer.allocate(1024),
            (byte) 2,
            compression(request),
            isAppendTime ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
            request.get("baseOffset").asLong(),
            request.get("logAppendTime").asLong(),
            request.get("producerId").asLong(),
            (short) request.get("producerEpoch").asInt(),
            request.get("baseSequence").asInt(),
            request.get("isTransactional").asBoolean(),
            request.get("leaderEpoch").asInt());
        for (JsonNode record : request.get("records")) {
            int count = record.get("headers").size();
            Header[] headers = new Header[count];
            for (int i = 0; i < count; i++) {
                JsonNode header = record.get("headers").get(i);
                String name = header.get("key").asText();
                headers[i] = new RecordHeader(name, data(header.get("value")));
            }
            byte[] key = data(record.get("key"));
            byte[] value = data(record.get("value"));
            builder.append(record.get("timestamp").asLong(), key, value, headers);
        }
        return answer(builder.build());
    }

    private static Compression compression(JsonNode request) {
        int level = request.path("level").asInt(0);
        switch (request.get("compression").asInt()) {
            case 1:
                return level == 0
                    ? Compression.gzip().build()
                    : Compression.gzip().level(level).build();
            case 2:
                return Compression.snappy().build();
            case 3:
                return level == 0
                    ? Compression.lz4().build()
                    : Compression.lz4().level(level).build();
            case 4:
                return level == 0
                    ? Compression.zstd().build()
                    : Compression.zstd().level(level).build();
            default:
                return Compression.NONE;
        }
    }

    private static byte[] data(JsonNode node) throws IOException {
        return node.isNull() ? null : node.binaryValue();
    }

    static JsonNode writeControl(JsonNode request) {
        long offset = request.get("baseOffset").asLong();
        long timestamp = request.get("timestamp").asLong();
        int epoch = request.get("leaderEpoch").asInt();
        JsonNode value = request.get("value");
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        switch (request.get("type").asText()) {
            case "LEADER_CHANGE":
                LeaderChangeMessage change = LeaderChangeMessageJsonConverter.read(
                    value, (short) value.get("version").asInt());
                return answer(MemoryRecords.withLeaderChangeMessage(
                    offset, timestamp, epoch, buffer, change));
            case "SNAPSHOT_HEADER":
                return answer(MemoryRecords.withSnapshotHeaderRecord(offset, timestamp, epoch,
                    buffer, SnapshotHeaderRecordJsonConverter.read(value, (short) 0)));
            case "SNAPSHOT_FOOTER":
                return answer(MemoryRecords.withSnapshotFooterRecord(offset, timestamp, epoch,
                    buffer, SnapshotFooterRecordJsonConverter.read(value, (short) 0)));
            case "KRAFT_VERSION":
                KRaftVersionRecord record = KRaftVersionRecordJsonConverter.read(value, (short) 0);
                return answer(MemoryRecords.withKRaftVersionRecord(
                    offset, timestamp, epoch, buffer, record));
            case "KRAFT_VOTERS":
                return answer(MemoryRecords.withVotersRecord(offset, timestamp, epoch, buffer,
                    VotersRecordJsonConverter.read(value, (short) 0)));
            default:
                ControlRecordType type = ControlRecordType.valueOf(request.get("type").asText());
                return answer(MemoryRecords.withEndTransactionMarker(offset, timestamp, epoch,
                    value.get("producerId").asLong(), (short) value.get("producerEpoch").asInt(),
                    new EndTransactionMarker(type, value.get("coordinatorEpoch").asInt())));
        }
    }

    private static JsonNode answer(MemoryRecords records) {
        byte[] bytes = bytesOf(records.buffer());
        return JsonNodeFactory.instance.objectNode().put("bytes", bytes);
    }
}
