import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Apache Kafka's own client put through its paces: one scenario per run, `name=value` lines out. */
public final class JavaJudge {
    private static final Duration STEP = Duration.ofMillis(100);
    private static final long DEADLINE_MS = 90_000;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[1];
        String topic = args[2];
        switch (args[0]) {
            case "group" -> group(bootstrap, topic, args[3]);
            case "static" -> staticMembers(bootstrap, topic);
            case "positions" -> positions(bootstrap, topic);
            case "survive" -> survive(bootstrap, topic);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static KafkaProducer<String, String> producer(String bootstrap, Map<String, String> more) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.putAll(more);
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    private static KafkaConsumer<String, String> consumer(
            String bootstrap, String group, Map<String, String> more) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("session.timeout.ms", "10000");
        properties.put("heartbeat.interval.ms", "500");
        properties.putAll(more);
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    private static void feed(String bootstrap, String topic, int partitions, String label) {
        try (KafkaProducer<String, String> producer = producer(bootstrap, Map.of())) {
            for (int p = 0; p < partitions; p++) {
                producer.send(new ProducerRecord<>(topic, p, "key", label + "/" + p));
            }
        }
    }

    private static final class Member {
        final KafkaConsumer<String, String> consumer;
        final List<String> values = new ArrayList<>();

        Member(KafkaConsumer<String, String> consumer, String topic) {
            this.consumer = consumer;
            consumer.subscribe(List.of(topic));
        }

        void poll() {
            for (ConsumerRecord<String, String> record : consumer.poll(STEP)) values.add(record.value());
            consumer.commitAsync();
        }

        Set<Integer> owned() {
            return consumer.assignment().stream().map(TopicPartition::partition).collect(Collectors.toSet());
        }
    }

    private static void pollUntil(List<Member> members, String what, BooleanSupplier condition) {
        long deadline = System.currentTimeMillis() + DEADLINE_MS;
        while (!condition.getAsBoolean()) {
            if (System.currentTimeMillis() > deadline) throw new IllegalStateException("never: " + what);
            members.forEach(Member::poll);
        }
    }

    private static boolean shares(List<Member> members, int partitions) {
        Set<Integer> all = new HashSet<>();
        int sum = 0;
        for (Member member : members) {
            Set<Integer> owned = member.owned();
            if (Math.abs(owned.size() - partitions / members.size()) > 1) return false;
            all.addAll(owned);
            sum += owned.size();
        }
        return all.size() == partitions && sum == partitions;
    }

    /** Members join one by one, share, leave; nothing is read twice, the group resumes. */
    private static void group(String bootstrap, String topic, String assignor) {
        int partitions = 6;
        Map<String, String> more = Map.of("partition.assignment.strategy",
            "org.apache.kafka.clients.consumer." + assignor);
        List<Member> members = new ArrayList<>();
        List<String> seen = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
            members.add(new Member(consumer(bootstrap, topic, more), topic));
            pollUntil(members, i + " members", () -> shares(members, partitions));
            feed(bootstrap, topic, partitions, "round " + i);
            int total = partitions * i;
            pollUntil(members, "records of round " + i,
                () -> members.stream().mapToInt(m -> m.values.size()).sum() >= total);
        }
        Set<Integer> kept = members.get(2).owned();
        for (int i = 0; i < 2; i++) {
            Member leaving = members.remove(0);
            leaving.consumer.commitSync();
            leaving.consumer.close();
            seen.addAll(leaving.values);
        }
        Member last = members.get(0);
        pollUntil(members, "takeover", () -> last.owned().size() == partitions);
        last.consumer.commitSync();
        last.consumer.close();
        seen.addAll(last.values);
        feed(bootstrap, topic, partitions, "round 4");
        Member resumed = new Member(consumer(bootstrap, topic, more), topic);
        pollUntil(List.of(resumed), "resumed", () -> resumed.values.size() >= partitions);
        resumed.consumer.close();
        System.out.println("seen=" + seen.size());
        System.out.println("distinct=" + new HashSet<>(seen).size());
        System.out.println("kept=" + kept.size());
        System.out.println("resumed=" + String.join(",", new TreeSet<>(resumed.values)));
    }

    /** A static member that comes back in time gets its partitions in the same generation. */
    private static void staticMembers(String bootstrap, String topic) {
        List<Member> members = new ArrayList<>();
        for (String id : List.of("a", "b")) {
            members.add(new Member(consumer(bootstrap, topic, Map.of("group.instance.id", id)), topic));
        }
        pollUntil(members, "two members", () -> shares(members, 6));
        int generation = members.get(0).consumer.groupMetadata().generationId();
        Set<Integer> before = members.get(1).owned();
        members.remove(1).consumer.close();
        members.add(new Member(consumer(bootstrap, topic, Map.of("group.instance.id", "b")), topic));
        pollUntil(members, "back", () -> members.get(1).owned().equals(before));
        System.out.println("generations=" + (members.get(1).consumer.groupMetadata().generationId() - generation));
        Member twin = new Member(consumer(bootstrap, topic, Map.of("group.instance.id", "b")), topic);
        List<Member> all = new ArrayList<>(members);
        all.add(twin);
        try {
            pollUntil(all, "the fence", () -> false);
        } catch (org.apache.kafka.common.errors.FencedInstanceIdException fenced) {
            System.out.println("fenced=true");
        }
        all.forEach(m -> m.consumer.close(
            org.apache.kafka.clients.consumer.CloseOptions.timeout(Duration.ofSeconds(1))));
    }

    private static void positions(String bootstrap, String topic) throws Exception {
        try (KafkaProducer<String, String> producer = producer(bootstrap, Map.of())) {
            for (int i = 0; i < 10; i++) {
                producer.send(new ProducerRecord<>(topic, 0, 1000L * i, "key", "value " + i)).get();
            }
        }
        TopicPartition zero = new TopicPartition(topic, 0);
        TopicPartition one = new TopicPartition(topic, 1);
        try (KafkaConsumer<String, String> consumer = consumer(bootstrap, topic, Map.of())) {
            consumer.assign(List.of(zero, one));
            System.out.println("end=" + consumer.endOffsets(List.of(zero, one)).get(zero));
            System.out.println("time=" + consumer.offsetsForTimes(Map.of(zero, 4500L)).get(zero).offset());
            System.out.println("late=" + consumer.offsetsForTimes(Map.of(zero, 99999L)).get(zero));
            consumer.pause(List.of(zero));
            System.out.println("paused=" + consumer.poll(Duration.ofMillis(500)).count());
            consumer.resume(List.of(zero));
            consumer.seek(zero, 7);
            List<String> values = new ArrayList<>();
            long deadline = System.currentTimeMillis() + DEADLINE_MS;
            while (values.size() < 3 && System.currentTimeMillis() < deadline) {
                consumer.poll(STEP).forEach(record -> values.add(record.value()));
            }
            System.out.println("values=" + String.join(",", values));
            consumer.commitSync(Map.of(zero, new OffsetAndMetadata(8, "my note")));
            OffsetAndMetadata committed = consumer.committed(Set.of(zero)).get(zero);
            System.out.println("committed=" + committed.offset() + " " + committed.metadata());
        }
    }

    /** Writes running numbers, five requests in flight, until standard input ends. */
    private static void survive(String bootstrap, String topic) throws Exception {
        AtomicLong acknowledged = new AtomicLong();
        AtomicLong failed = new AtomicLong();
        long sent = 0;
        Map<String, String> more = Map.of("linger.ms", "0", "batch.size", "2000",
            "max.in.flight.requests.per.connection", "5", "delivery.timeout.ms", "120000",
            "reconnect.backoff.max.ms", "200", "max.block.ms", "120000");
        try (KafkaProducer<String, String> producer = producer(bootstrap, more)) {
            Thread stop = new Thread(() -> {
                try {
                    System.in.read();
                } catch (java.io.IOException ended) {
                    Thread.currentThread().interrupt();
                }
            });
            stop.start();
            while (stop.isAlive()) {
                for (int i = 0; i < 20; i++) {
                    byte[] value = Long.toString(sent++).getBytes(StandardCharsets.UTF_8);
                    producer.send(new ProducerRecord<>(topic, 0, null, new String(value)), (at, error) -> {
                        if (error == null) acknowledged.incrementAndGet();
                        else failed.incrementAndGet();
                    });
                }
                if (sent == 1000) System.out.println("writing");
                Thread.sleep(2);
            }
        }
        System.out.println("sent=" + sent);
        System.out.println("acknowledged=" + acknowledged);
        System.out.println("failed=" + failed);
    }
}
