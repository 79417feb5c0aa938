import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Members of share groups, each a KafkaShareConsumer, driven line by line:
 *
 *   open NAME topics=a,b any.consumer.setting=value ...
 *   poll NAME COUNT         polls until it has so many records, or 10 seconds are over
 *   ack NAME TYPE [OFFSET,OFFSET...]   accept, release, reject or renew; all by default
 *   commit NAME             sends the acknowledgements and waits for them
 *   close NAME
 *
 * Each command is answered with one line, in the order of the commands.
 */
public class ShareMembers {
    private static final Map<String, KafkaShareConsumer<String, String>> members = new HashMap<>();
    private static final Map<String, List<ConsumerRecord<String, String>>> held = new HashMap<>();

    public static void main(String[] args) throws Exception {
        BufferedReader input =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String answer;
            try {
                answer = perform(args[0], line.trim().split(" "));
            } catch (KafkaException | IllegalStateException e) {
                answer = e.getClass().getSimpleName();
            }
            System.out.println(answer);
            System.out.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static String perform(String bootstrap, String[] words) {
        String name = words[1];
        switch (words[0]) {
            case "open":
                open(bootstrap, words);
                return "opened";
            case "poll":
                return poll(name, Integer.parseInt(words[2]));
            case "ack":
                return acknowledge(name, words[2], words.length > 3 ? words[3].split(",") : null);
            case "commit":
                return commit(name);
            default:
                members.remove(name).close(Duration.ofSeconds(10));
                return "closed";
        }
    }

    private static void open(String bootstrap, String[] words) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("client.id", words[1]);
        settings.put("key.deserializer", StringDeserializer.class.getName());
        settings.put("value.deserializer", StringDeserializer.class.getName());
        List<String> topics = List.of();
        for (int i = 2; i < words.length; i++) {
            String[] setting = words[i].split("=", 2);
            if (setting[0].equals("topics")) topics = List.of(setting[1].split(","));
            else settings.put(setting[0], setting[1]);
        }
        KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(settings);
        consumer.subscribe(topics);
        members.put(words[1], consumer);
        held.put(words[1], new ArrayList<>());
    }

    /** Lists what came as PARTITION:OFFSET x DELIVERIES. */
    private static String poll(String name, int count) {
        List<ConsumerRecord<String, String>> got = new ArrayList<>();
        long end = System.currentTimeMillis() + (count == 0 ? 2_000 : 10_000);
        do {
            ConsumerRecords<String, String> records =
                members.get(name).poll(Duration.ofMillis(count == 0 ? 2_000 : 500));
            records.forEach(got::add);
        } while (got.size() < count && System.currentTimeMillis() < end);
        held.put(name, got);
        StringBuilder text = new StringBuilder("got");
        for (ConsumerRecord<String, String> record : got) {
            Optional<Short> deliveries = record.deliveryCount();
            text.append(" ").append(record.partition()).append(":").append(record.offset());
            text.append("x").append(deliveries.orElse((short) -1)).append("=").append(record.value());
        }
        return text.toString();
    }

    private static String acknowledge(String name, String type, String[] offsets) {
        AcknowledgeType how = AcknowledgeType.valueOf(type.toUpperCase());
        int count = 0;
        for (ConsumerRecord<String, String> record : held.get(name)) {
            if (offsets != null && !List.of(offsets).contains(String.valueOf(record.offset()))) {
                continue;
            }
            members.get(name).acknowledge(record, how);
            count++;
        }
        return how + " " + count;
    }

    private static String commit(String name) {
        StringBuilder text = new StringBuilder("committed");
        Map<TopicIdPartition, Optional<KafkaException>> results = members.get(name).commitSync();
        TreeMap<Integer, String> byPartition = new TreeMap<>();
        results.forEach((partition, error) -> byPartition.put(
            partition.partition(),
            error.map(e -> e.getClass().getSimpleName()).orElse("fine")));
        byPartition.forEach((partition, error) ->
            text.append(" ").append(partition).append(":").append(error));
        return text.toString();
    }
}
