"""Orders over SQLAlchemy's ORM, in the style of Zato 3: models of the tables in the same module."""

from contextlib import closing
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Column, DateTime, ForeignKey, Integer, Numeric, String
from sqlalchemy.orm import declarative_base, relationship

from zato.common.exception import BadRequest, NotFound
from zato.server.service import Service

Base = declarative_base()


class Order(Base):
    __tablename__ = "orders"

    id = Column(Integer, primary_key=True)
    customer = Column(String(50), nullable=False)
    status = Column(String(20), nullable=False)
    placed_at = Column(DateTime, nullable=False)
    items = relationship("OrderItem", back_populates="order", order_by="OrderItem.id")


class OrderItem(Base):
    __tablename__ = "order_item"

    id = Column(Integer, primary_key=True)
    order_id = Column(Integer, ForeignKey("orders.id"), nullable=False)
    sku = Column(String(20), nullable=False)
    quantity = Column(Integer, nullable=False)
    price = Column(Numeric(10, 2), nullable=False)
    order = relationship("Order", back_populates="items")


class CreateTables(Service):
    """Makes the tables where they are missing."""

    def handle(self):
        Base.metadata.create_all(self.out.sql.get("Orders").conn.engine)
        self.response.payload = {"created": sorted(Base.metadata.tables)}


class PlaceOrder(Service):
    """Stores an order and its items in one transaction."""

    input = "customer", "lines"
    output = "order_id", "total"

    def handle(self):
        lines = self.request.input.lines
        if not lines:
            raise BadRequest(self.cid, "An order needs lines")

        with closing(self.out.sql.get("Orders").session()) as session:
            order = Order(
                customer=self.request.input.customer, status="new", placed_at=datetime.utcnow()
            )
            session.add(order)
            session.flush()
            total = Decimal(0)
            try:
                for item in lines:
                    quantity, price = int(item["quantity"]), Decimal(item["price"])
                    if quantity < 1:
                        raise BadRequest(self.cid, "Quantity of {} too low".format(item["sku"]))
                    session.add(
                        OrderItem(
                            order_id=order.id, sku=item["sku"], quantity=quantity, price=price
                        )
                    )
                    total += quantity * price
                session.commit()
            except Exception:
                session.rollback()
                raise
            self.response.payload.order_id = order.id
        self.response.payload.total = str(total)


class GetOrder(Service):
    """One order with its items."""

    input = "order_id"
    output = "order_id", "customer", "status", "lines"

    def handle(self):
        with closing(self.out.sql.get("Orders").session()) as session:
            order = session.query(Order).filter(Order.id == self.request.input.order_id).first()
            if not order:
                raise NotFound(self.cid, "No such order")
            self.response.payload.order_id = order.id
            self.response.payload.customer = order.customer
            self.response.payload.status = order.status
            self.response.payload.lines = [
                {"sku": item.sku, "quantity": item.quantity, "price": str(item.price)}
                for item in order.items
            ]


class ListOrders(Service):
    """The orders of a customer, as rows of the ORM."""

    class SimpleIO:
        input = "customer", "-status"
        output = "id", "customer", "status"
        output_repeated = True

    def handle(self):
        with closing(self.out.sql.get("Orders").session()) as session:
            query = session.query(Order).filter(Order.customer == self.request.input.customer)
            if self.request.input.status:
                query = query.filter(Order.status == self.request.input.status)
            self.response.payload[:] = query.order_by(Order.id).all()


class CancelOrder(Service):
    """Cancels an order that has not been shipped."""

    input = "order_id"
    output = "status", "-previous"

    def handle(self):
        with closing(self.out.sql.get("Orders").session()) as session:
            order = session.query(Order).filter_by(id=self.request.input.order_id).one_or_none()
            if order is None:
                raise NotFound(self.cid, "No such order")
            previous = order.status
            order.status = "cancelled"
            session.commit()
        self.response.payload = {"status": "cancelled", "previous": previous}
