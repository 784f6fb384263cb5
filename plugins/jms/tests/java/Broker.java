import java.util.ArrayList;
import java.util.List;
import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.SimpleAuthenticationPlugin;

/** ActiveMQ with messages on disk: FOLDER USER PASSWORD ADDRESS... */
public class Broker {
    public static void main(String[] given) throws Exception {
        BrokerService broker = new BrokerService();
        broker.setBrokerName("test");
        broker.setDataDirectory(given[0]);
        broker.setUseJmx(false);
        List<AuthenticationUser> users = new ArrayList<>();
        users.add(new AuthenticationUser(given[1], given[2], "users"));
        broker.setPlugins(new BrokerPlugin[] {new SimpleAuthenticationPlugin(users)});
        for (int number = 3; number < given.length; number++) {
            broker.addConnector(given[number]);
        }
        broker.start();
        broker.waitUntilStopped();
    }
}
