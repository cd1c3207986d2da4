# protobuf-c's strings end at a NUL, and it knows no optional fields of proto3: strings become bytes, and an optional field a choice
# of one, which are the same on the wire.
/map</!s/(^|[[:space:]])string /\1bytes /
s/optional ([a-z0-9]+) ([a-z_]+) = ([0-9]+);/oneof has_\2 { \1 \2 = \3; }/
