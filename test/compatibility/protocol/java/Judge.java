import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.PrintStream;
import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/**
 * Apache Kafka's own classes behind a pipe. Requests and answers are JSON, each behind an int32
 * size; an answer {"error": text} means that Apache Kafka refused what it was given.
 */
public final class Judge {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private Judge() {}

    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        System.setOut(new PrintStream(System.err));
        while (true) {
            int size;
            try {
                size = in.readInt();
            } catch (EOFException e) {
                return;
            }
            byte[] bytes = MAPPER.writeValueAsBytes(answer(MAPPER.readTree(in.readNBytes(size))));
            out.writeInt(bytes.length);
            out.write(bytes);
            out.flush();
        }
    }

    private static JsonNode answer(JsonNode request) {
        try {
            switch (request.get("op").asText()) {
                case "definitions":
                    return Messages.definitions();
                case "message":
                    return Messages.exchange(request);
                case "errors":
                    return errors();
                case "readBatch":
                    return Batches.read(request);
                case "writeBatch":
                    return Batches.write(request);
                case "writeControl":
                    return Batches.writeControl(request);
                default:
                    throw new IllegalArgumentException("unknown op");
            }
        } catch (Throwable e) {
            Throwable cause = e.getCause() != null ? e.getCause() : e;
            ObjectNode node = JsonNodeFactory.instance.objectNode();
            return node.put("error", cause.getClass().getName() + ": " + cause.getMessage());
        }
    }

    private static JsonNode errors() {
        ArrayNode list = JsonNodeFactory.instance.arrayNode();
        for (Errors error : Errors.values()) {
            ObjectNode node = list.addObject();
            node.put("name", error.name());
            node.put("code", error.code());
            node.put("retriable", error.exception() instanceof RetriableException);
            node.put("refresh", error.exception() instanceof InvalidMetadataException);
        }
        return list;
    }
}
