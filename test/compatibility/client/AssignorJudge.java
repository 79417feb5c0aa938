import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * Reads scenarios, one a line, and prints what Apache Kafka's assignors make of them.
 *
 *   in    t0:3,t1:4|memberId;instanceId;t0,t1;t0-0,t0-1;generation|next member...
 *   out   name memberId=t0-0,t0-1;memberId=...      (one line per assignor)
 */
public class AssignorJudge {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            String[] parts = line.split("\\|");
            Cluster cluster = cluster(parts[0]);
            for (ConsumerPartitionAssignor assignor : List.of(
                    new RangeAssignor(), new RoundRobinAssignor(), new CooperativeStickyAssignor())) {
                Map<String, Subscription> members = new HashMap<>();
                for (int i = 1; i < parts.length; i++) {
                    String[] f = parts[i].split(";", -1);
                    members.put(f[0], subscription(f));
                }
                var assigned = assignor.assign(cluster, new GroupSubscription(members)).groupAssignment();
                StringBuilder out = new StringBuilder(assignor.name()).append(' ');
                for (var entry : new TreeMap<>(assigned).entrySet()) {
                    List<String> names = new ArrayList<>();
                    for (TopicPartition p : entry.getValue().partitions()) names.add(p.toString());
                    Collections.sort(names);
                    out.append(entry.getKey()).append('=').append(String.join(",", names)).append(';');
                }
                System.out.println(out);
            }
        }
    }

    private static Subscription subscription(String[] f) {
        List<String> topics = f[2].isEmpty() ? List.of() : List.of(f[2].split(","));
        List<TopicPartition> owned = new ArrayList<>();
        for (String p : f[3].isEmpty() ? new String[0] : f[3].split(",")) {
            int cut = p.lastIndexOf('-');
            owned.add(new TopicPartition(p.substring(0, cut), Integer.parseInt(p.substring(cut + 1))));
        }
        int generation = Integer.parseInt(f[4]);
        ByteBuffer userData = ByteBuffer.allocate(4).putInt(generation).flip();
        Subscription s = new Subscription(topics, userData, owned, generation, Optional.empty());
        if (!f[1].isEmpty()) s.setGroupInstanceId(Optional.of(f[1]));
        return s;
    }

    private static Cluster cluster(String text) {
        Node node = new Node(1, "localhost", 9092);
        List<PartitionInfo> infos = new ArrayList<>();
        for (String topic : text.split(",")) {
            String[] f = topic.split(":");
            for (int p = 0; p < Integer.parseInt(f[1]); p++) {
                infos.add(new PartitionInfo(f[0], p, node, new Node[] {node}, new Node[] {node}));
            }
        }
        return new Cluster("judge", List.of(node), infos, Set.of(), Set.of());
    }
}
