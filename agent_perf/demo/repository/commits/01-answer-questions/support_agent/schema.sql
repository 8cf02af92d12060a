CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name VARCHAR(100) NOT NULL
);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    status VARCHAR(20) NOT NULL,
    placed_on DATE NOT NULL,
    total_cents INTEGER NOT NULL
);
CREATE INDEX orders_customer ON orders (customer_id, id);

CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    product VARCHAR(100) NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE articles (
    id INTEGER PRIMARY KEY,
    topic VARCHAR(20) NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX articles_topic ON articles (topic, id);

CREATE TABLE messages (
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    role VARCHAR(10) NOT NULL,
    body TEXT NOT NULL,
    sent_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX messages_customer ON messages (customer_id, sent_at);
