"""A newsroom: topics to which some publish, and of which services hear at once or when they ask."""

from zato.server.service import PubSubHook, Service

TOPIC = "/newsroom/stories"


class PublishStory(Service):
    """Publishes a story to all who have subscribed."""

    input = "title", "-is_urgent"
    output = "-message"

    def handle(self):
        story = {"title": self.request.input.title, "by": self.cid}
        priority = 9 if self.request.input.is_urgent else 5
        self.response.payload.message = self.pubsub.publish(TOPIC, data=story, priority=priority)


class PrintStory(Service):
    """Hears of each story, as a subscriber whose deliveries are pushed."""

    def handle(self):
        self.kvdb.conn.rpush("printed", self.request.payload["title"])


class ReadStories(Service):
    """Fetches what waits for an archive, and acknowledges it."""

    def handle(self):
        messages = self.pubsub.get("archive")
        self.response.payload = {
            "titles": [message.payload["title"] for message in messages],
            "printed": self.kvdb.conn.lrange("printed", 0, -1),
        }
        for message in messages:
            self.pubsub.acknowledge("archive", message.msg_id)


class NoGossip(PubSubHook):
    """Keeps some stories out of the topic."""

    def before_publish(self):
        if "gossip" in str(self.request.input.ctx.msg.data).lower():
            self.response.payload.hook_action = "skip"
