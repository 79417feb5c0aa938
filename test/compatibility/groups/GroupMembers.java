import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Members of groups, each a KafkaConsumer in a thread of its own, driven line by line:
 *
 *   join NAME topics=a,b [any.consumer.setting=value ...]    or pattern=REGEX
 *   close NAME | leave NAME | stay NAME     by the protocol's default, for good, or to come back
 *
 * It tells: "owns NAME a-0 a-1" whenever that changes, "record NAME a-0 OFFSET VALUE" once that is
 * committed, "closed NAME", "failed NAME ERROR". It ends with its input.
 */
public class GroupMembers {
    private static final Map<String, Member> members = new ConcurrentHashMap<>();

    public static void main(String[] args) throws Exception {
        BufferedReader input =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.trim().split(" ");
            if (words[0].equals("join")) {
                Member member = new Member(args[0], words);
                members.put(words[1], member);
                member.start();
            } else {
                members.remove(words[1]).end(words[0]);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static synchronized void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static class Member extends Thread implements ConsumerRebalanceListener {
        private final String name;
        private final Properties settings = new Properties();
        private final TreeSet<String> owned = new TreeSet<>();
        private final KafkaConsumer<String, String> consumer;
        private String topics;
        private String pattern;
        private volatile String ending;

        Member(String bootstrap, String[] words) {
            name = words[1];
            settings.put("bootstrap.servers", bootstrap);
            settings.put("client.id", name);
            settings.put("auto.offset.reset", "earliest");
            settings.put("enable.auto.commit", "false");
            settings.put("metadata.max.age.ms", "1000");
            settings.put("key.deserializer", StringDeserializer.class.getName());
            settings.put("value.deserializer", StringDeserializer.class.getName());
            for (int i = 2; i < words.length; i++) {
                String[] setting = words[i].split("=", 2);
                if (setting[0].equals("topics")) topics = setting[1];
                else if (setting[0].equals("pattern")) pattern = setting[1];
                else settings.put(setting[0], setting[1]);
            }
            consumer = new KafkaConsumer<>(settings);
        }

        void end(String how) {
            ending = how;
            consumer.wakeup();
        }

        @Override
        public void run() {
            try {
                if (pattern != null) consumer.subscribe(new SubscriptionPattern(pattern), this);
                else consumer.subscribe(List.of(topics.split(",")), this);
                while (ending == null) poll();
            } catch (WakeupException e) {
                // Somebody asked for the end.
            } catch (Exception e) {
                tell("failed " + name + " " + e.getClass().getSimpleName() + ": " + e.getMessage());
            }
            consumer.close(options());
            tell("closed " + name);
        }

        private void poll() {
            var records = consumer.poll(Duration.ofMillis(200));
            if (records.isEmpty()) return;
            consumer.commitSync();
            for (var record : records) {
                String partition = record.topic() + "-" + record.partition();
                tell("record " + name + " " + partition + " " + record.offset() + " " + record.value());
            }
        }

        private CloseOptions options() {
            CloseOptions options = CloseOptions.timeout(Duration.ofSeconds(10));
            if ("leave".equals(ending)) {
                options.withGroupMembershipOperation(
                    CloseOptions.GroupMembershipOperation.LEAVE_GROUP);
            } else if ("stay".equals(ending)) {
                options.withGroupMembershipOperation(
                    CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP);
            }
            return options;
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> owned.add(partition.toString()));
            tell("owns " + name + " " + String.join(" ", owned));
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            partitions.forEach(partition -> owned.remove(partition.toString()));
            tell("owns " + name + " " + String.join(" ", owned));
        }
    }
}
