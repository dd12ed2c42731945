#!/bin/sh
# Grants the minimal rights in Kafka. An administrator runs it on a machine with the Kafka command line tools:
#
#   BOOTSTRAP=kafka:9093 COMMAND_CONFIG=admin.properties sh deploy/acl/kafka.sh
#
# Kafka's principals: `User:projector` for SASL, `User:CN=projector` for a client certificate.
set -eu

BOOTSTRAP=${BOOTSTRAP:-127.0.0.1:9092}
COMMAND_CONFIG=${COMMAND_CONFIG:-}
KAFKA_ACLS=${KAFKA_ACLS:-kafka-acls.sh}
TOPIC=${KAFKA_TOPIC:-shop.order-events}
GROUP=${KAFKA_GROUP_ID:-order-projector}
WORKER=${WORKER:-User:projector}
OPERATOR=${OPERATOR:-User:operator}
REPORTS=${REPORTS:-User:reports}

allow() {
  if [ -n "$COMMAND_CONFIG" ]; then
    "$KAFKA_ACLS" --bootstrap-server "$BOOTSTRAP" --command-config "$COMMAND_CONFIG" --add "$@"
  else
    "$KAFKA_ACLS" --bootstrap-server "$BOOTSTRAP" --add "$@"
  fi
}

# The worker (`projector run`) reads the topic and joins its group. It reads the settings of the topic to warn about them.
allow --allow-principal "$WORKER" --operation Read --operation DescribeConfigs --topic "$TOPIC"
allow --allow-principal "$WORKER" --operation Read --group "$GROUP"

# Commands that read the topic (`rebuild`, `sync`, `verify --against topic`, `dlq replay`) use their own groups.
# `connector apply` also creates the topic. `lag` and `offsets` read the committed offsets of the worker's group.
allow --allow-principal "$OPERATOR" --operation Read --operation Create --operation DescribeConfigs --topic "$TOPIC"
allow --allow-principal "$OPERATOR" --operation Read --group "$GROUP-" --resource-pattern-type prefixed
allow --allow-principal "$OPERATOR" --operation Describe --group "$GROUP"

# For users who run only `lag` and `offsets show`.
allow --allow-principal "$REPORTS" --operation Describe --topic "$TOPIC"
allow --allow-principal "$REPORTS" --operation Describe --group "$GROUP"
