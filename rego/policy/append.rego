# METADATA
# title: Appending
# description: |
#   Services and administrators append to the ledger. What may not be stored is masked, the retention class follows the
#   event's source, and the labels say in public where it came from, what was done, and whether it was.
package policy.append

import data.lib.caller
import data.lib.event

# METADATA
# title: Whether the event is taken
default allow := false

allow if {
	_is_append
	_granting_roles & caller.roles != set()
}

_granting_roles := {"service", "admin"}

_is_append if {
	input.action.name == "entry.append"
	input.resource.type == "ledger"
}

# METADATA
# title: Why, for people
# description: Never echoes the event.
reasons contains concat("", ["role ", role, " may append"]) if {
	allow
	some role in (_granting_roles & caller.roles)
}

reasons contains "no role of the caller may append" if {
	_is_append
	not allow
}

reasons contains "this decides only entry.append to a ledger" if not _is_append

# METADATA
# title: Retention class
class := object.get(data.settings.class_of_source, event.source, data.settings.class)

# METADATA
# title: Public labels
labels := {"source": event.source, "operation": event.operation, "outcome": event.outcome}

# METADATA
# title: What is never stored
mask := data.settings.secrets
