import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/** The generated message classes and their JSON converters, found by name in the class path. */
final class Messages {
    private static final String CONVERTER = "JsonConverter.class";
    private static final Map<String, String> CLASSES = new HashMap<>();

    private Messages() {}

    /** The JSON definitions inside the jars, as texts. */
    static JsonNode definitions() throws IOException {
        ArrayNode texts = JsonNodeFactory.instance.arrayNode();
        for (ZipFile jar : jars()) {
            for (ZipEntry entry : Collections.list(jar.entries())) {
                boolean isDefinition = entry.getName().endsWith(".json")
                    && (entry.getName().startsWith("common/")
                        || entry.getName().startsWith("message/"));
                if (!isDefinition) continue;
                byte[] bytes = jar.getInputStream(entry).readAllBytes();
                texts.add(new String(bytes, StandardCharsets.UTF_8));
            }
            jar.close();
        }
        return texts;
    }

    /**
     * Reads the bytes with the generated class. The answer holds the value as JSON, the bytes as
     * Java writes the value, and the bytes as Java writes what its converter reads from the JSON.
     */
    static JsonNode exchange(JsonNode request) throws Exception {
        String name = classOf(request.get("name").asText());
        short version = (short) request.get("version").asInt();
        ByteBuffer bytes = ByteBuffer.wrap(request.get("bytes").binaryValue());
        Message message = (Message) Class.forName(name).getConstructor().newInstance();
        message.read(new ByteBufferAccessor(bytes), version);
        ObjectNode answer = JsonNodeFactory.instance.objectNode();
        answer.put("remaining", bytes.remaining());
        answer.put("unknownTags", message.unknownTaggedFields().size());
        answer.put("bytes", write(message, version));
        Class<?> converter = Class.forName(name + "JsonConverter");
        Method toJson =
            converter.getMethod("write", Class.forName(name), short.class, boolean.class);
        JsonNode json = (JsonNode) toJson.invoke(null, message, version, false);
        answer.set("json", json);
        if (!request.get("hasRecords").asBoolean()) {
            Method fromJson = converter.getMethod("read", JsonNode.class, short.class);
            Message again = (Message) fromJson.invoke(null, json, version);
            answer.put("bytesFromJson", write(again, version));
        }
        return answer;
    }

    private static byte[] write(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer bytes = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(bytes), cache, version);
        return bytes.array();
    }

    private static String classOf(String name) throws IOException {
        if (CLASSES.isEmpty()) {
            for (ZipFile jar : jars()) {
                for (ZipEntry entry : Collections.list(jar.entries())) {
                    String path = entry.getName();
                    if (!path.endsWith(CONVERTER)) continue;
                    String type = path.substring(0, path.length() - CONVERTER.length());
                    String simple = type.substring(type.lastIndexOf('/') + 1);
                    CLASSES.put(simple, type.replace('/', '.'));
                }
                jar.close();
            }
        }
        String found = CLASSES.getOrDefault(name + "Data", CLASSES.get(name));
        if (found == null) throw new IllegalArgumentException("no class for " + name);
        return found;
    }

    private static Iterable<ZipFile> jars() throws IOException {
        java.util.List<ZipFile> jars = new java.util.ArrayList<>();
        for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
            // The definitions of Streams are its own private format, in another kind of JSON.
            boolean isOurs = path.contains("kafka-") && !path.contains("kafka-streams");
            if (isOurs && path.endsWith(".jar")) jars.add(new ZipFile(path));
        }
        return jars;
    }
}
