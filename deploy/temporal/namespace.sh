#!/bin/sh
# Creates the namespace with its retention and the search attributes. Safe to repeat.
# Needs the `temporal` command, TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE.
set -eu

retention=30d
attributes="TrueupTenant TrueupSubscription TrueupCustomer TrueupChange TrueupChangeKind
TrueupStage TrueupException TrueupErpDocument"

looks=60
until temporal operator cluster health >/dev/null 2>&1; do
  looks=$((looks - 1))
  if [ "$looks" -eq 0 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS does not answer: look at the log of its server" >&2
    exit 1
  fi
  sleep 2
done

if temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace update -n "$TEMPORAL_NAMESPACE" --retention "$retention"
else
  temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention "$retention"
fi

# The frontend learns of a new namespace from a cache that is seconds old.
looks=30
until known=$(temporal operator search-attribute list -n "$TEMPORAL_NAMESPACE" 2>&1); do
  looks=$((looks - 1))
  if [ "$looks" -eq 0 ]; then
    echo "namespace $TEMPORAL_NAMESPACE cannot be read: $known" >&2
    exit 1
  fi
  sleep 1
done

for name in $attributes; do
  case $known in
    *"$name "*) ;;
    *) temporal operator search-attribute create -n "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword ;;
  esac
done
