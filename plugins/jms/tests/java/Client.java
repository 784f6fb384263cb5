import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.jms.*;
import org.apache.activemq.ActiveMQConnectionFactory;

/**
 * The other side of tests: a JMS 1.1 client that is told by lines what to do, and answers each by one.
 * A line has fields, URL-encoded and separated by spaces; of an answer the first says `ok` or `error`.
 */
public class Client {
    private final ActiveMQConnectionFactory factory;
    private volatile Connection connection;
    private Session session;

    Client(String address, String user, String password) {
        factory = new ActiveMQConnectionFactory(user, password, address);
        factory.getRedeliveryPolicy().setMaximumRedeliveries(-1);
    }

    public static void main(String[] given) throws Exception {
        Client client = new Client(given[0], given[1], given[2]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> answer = new ArrayList<>();
            try {
                answer.add("ok");
                client.run(decoded(line), answer);
            } catch (Exception error) {
                answer = new ArrayList<>(List.of("error", String.valueOf(error)));
                client.close();
            }
            out.println(encoded(answer));
        }
        client.close();
    }

    private void run(List<String> given, List<String> answer) throws Exception {
        open();
        switch (given.get(0)) {
            case "send": send(destination(given.get(1)), given); break;
            case "receive": receive(given, answer); break;
            case "count": answer.add(String.valueOf(count(given.get(1)))); break;
            case "ask": ask(given, answer); break;
            default: throw new IllegalArgumentException(given.get(0));
        }
    }

    private void open() throws Exception {
        if (connection == null) {
            connection = factory.createConnection();
            connection.setExceptionListener(error -> connection = null);
            connection.start();
            session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        }
    }

    private void close() {
        try {
            if (connection != null) connection.close();
        } catch (Exception ignored) {
            // the broker is gone
        }
        connection = null;
    }

    private Destination destination(String name) throws Exception {
        if (name.startsWith("/topic/")) return session.createTopic(name.substring(7));
        return session.createQueue(name.substring(7));
    }

    /** send DESTINATION KIND BODY COUNT [NAME VALUE]... */
    private void send(Destination to, List<String> given) throws Exception {
        MessageProducer producer = session.createProducer(to);
        int count = Integer.parseInt(given.get(4));
        for (int number = 0; number < count; number++) {
            Message message = message(given.get(2), given.get(3).replace("{}", String.valueOf(number)));
            for (int at = 5; at < given.size(); at += 2) {
                set(producer, message, given.get(at), given.get(at + 1));
            }
            producer.send(message);
        }
        producer.close();
    }

    private Message message(String kind, String body) throws Exception {
        if (kind.equals("text")) return session.createTextMessage(body);
        if (kind.equals("bytes")) {
            BytesMessage message = session.createBytesMessage();
            message.writeBytes(HexFormat.of().parseHex(body));
            return message;
        }
        if (kind.equals("map")) {
            MapMessage message = session.createMapMessage();
            for (String pair : body.split("&")) {
                String[] parts = pair.split("=", 3);
                if (parts[1].equals("int")) message.setInt(parts[0], Integer.parseInt(parts[2]));
                else if (parts[1].equals("bool")) message.setBoolean(parts[0], parts[2].equals("true"));
                else if (parts[1].equals("double")) message.setDouble(parts[0], Double.parseDouble(parts[2]));
                else if (parts[1].equals("bytes")) message.setBytes(parts[0], parts[2].getBytes("UTF-8"));
                else message.setString(parts[0], parts[2]);
            }
            return message;
        }
        if (kind.equals("object")) return session.createObjectMessage(body);
        if (kind.equals("stream")) {
            StreamMessage message = session.createStreamMessage();
            message.writeString(body);
            return message;
        }
        return session.createMessage();
    }

    private void set(MessageProducer producer, Message message, String name, String value) throws Exception {
        switch (name) {
            case ".correlation": message.setJMSCorrelationID(value); break;
            case ".reply": message.setJMSReplyTo(destination(value)); break;
            case ".type": message.setJMSType(value); break;
            case ".priority": producer.setPriority(Integer.parseInt(value)); break;
            case ".live": producer.setTimeToLive(Long.parseLong(value)); break;
            case ".transient": producer.setDeliveryMode(DeliveryMode.NON_PERSISTENT); break;
            default:
                if (value.startsWith("#")) message.setIntProperty(name, Integer.parseInt(value.substring(1)));
                else message.setStringProperty(name, value);
        }
    }

    /** receive DESTINATION MILLISECONDS MOST [SELECTOR] */
    private void receive(List<String> given, List<String> answer) throws Exception {
        String selector = given.size() > 4 ? given.get(4) : null;
        MessageConsumer consumer = session.createConsumer(destination(given.get(1)), selector);
        long patience = Long.parseLong(given.get(2));
        int most = Integer.parseInt(given.get(3));
        for (int number = 0; number < most; number++) {
            Message message = consumer.receive(patience);
            if (message == null) break;
            answer.add(encoded(told(message)));
        }
        consumer.close();
    }

    private List<String> told(Message message) throws Exception {
        Map<String, String> found = new TreeMap<>();
        if (message instanceof TextMessage) {
            found.put(".kind", "text");
            found.put(".body", ((TextMessage) message).getText());
        } else if (message instanceof BytesMessage) {
            BytesMessage bytes = (BytesMessage) message;
            byte[] body = new byte[(int) bytes.getBodyLength()];
            bytes.readBytes(body);
            found.put(".kind", "bytes");
            found.put(".body", HexFormat.of().formatHex(body));
        } else if (message instanceof MapMessage) {
            found.put(".kind", "map");
            MapMessage map = (MapMessage) message;
            for (Object name : Collections.list(map.getMapNames())) {
                Object value = map.getObject((String) name);
                String kind = value == null ? "" : value.getClass().getSimpleName() + " ";
                found.put(".map." + name, kind + value);
            }
        } else {
            found.put(".kind", message.getClass().getSimpleName());
        }
        found.put(".id", message.getJMSMessageID());
        found.put(".correlation", message.getJMSCorrelationID());
        found.put(".reply", String.valueOf(message.getJMSReplyTo()));
        found.put(".type", message.getJMSType());
        found.put(".priority", String.valueOf(message.getJMSPriority()));
        found.put(".expires", String.valueOf(message.getJMSExpiration()));
        found.put(".persistent", String.valueOf(message.getJMSDeliveryMode() == DeliveryMode.PERSISTENT));
        found.put(".redelivered", String.valueOf(message.getJMSRedelivered()));
        for (Object name : Collections.list(message.getPropertyNames())) {
            found.put((String) name, String.valueOf(message.getObjectProperty((String) name)));
        }
        List<String> pairs = new ArrayList<>();
        found.forEach((name, value) -> {
            pairs.add(name);
            pairs.add(String.valueOf(value));
        });
        return pairs;
    }

    private int count(String name) throws Exception {
        QueueBrowser browser = session.createBrowser((Queue) destination(name));
        int count = Collections.list(browser.getEnumeration()).size();
        browser.close();
        return count;
    }

    /** ask DESTINATION TEXT MILLISECONDS */
    private void ask(List<String> given, List<String> answer) throws Exception {
        TemporaryQueue answers = session.createTemporaryQueue();
        MessageConsumer consumer = session.createConsumer(answers);
        MessageProducer producer = session.createProducer(destination(given.get(1)));
        Message question = session.createTextMessage(given.get(2));
        question.setJMSReplyTo(answers);
        question.setJMSCorrelationID("question-1");
        producer.send(question);
        Message found = consumer.receive(Long.parseLong(given.get(3)));
        if (found != null) answer.add(encoded(told(found)));
        consumer.close();
        producer.close();
        answers.delete();
    }

    private static List<String> decoded(String line) {
        List<String> found = new ArrayList<>();
        for (String part : line.split(" ", -1)) found.add(URLDecoder.decode(part, StandardCharsets.UTF_8));
        return found;
    }

    private static String encoded(List<String> fields) {
        List<String> parts = new ArrayList<>();
        for (String field : fields) parts.add(URLEncoder.encode(field, StandardCharsets.UTF_8));
        return String.join(" ", parts);
    }
}
