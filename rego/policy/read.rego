# METADATA
# title: Reading
# description: |
#   The public part of the log is open. Administrators read everything, owners what they wrote, auditors everything but
#   personal data. Nobody else reads anything. Whoever may read anything may search: each entry of a page is decided by
#   itself, as if it were read alone.
package policy.read

import data.lib.caller

# METADATA
# title: Whether anything is answered
default allow := false

allow if _is_open

allow if _sees_all

allow if _is_auditor

allow if _may_search

allow if _reads_policy

# METADATA
# title: How much of the record is disclosed
# description: Nothing to redact is the whole record; no member at all is the leaf alone.
default view := {}

view := {"redact": []} if _sees_all

view := {"redact": data.settings.personal} if {
	_is_auditor
	not _sees_all
}

# METADATA
# title: Whether the read becomes an entry
# description: Leaves and checkpoints carry no personal data, are read often and by anybody.
default recorded := true

recorded := false if _is_open

_is_open if {
	input.action.name in data.settings.open_actions
	input.resource.type in {"ledger", "log"}
}

_entry_actions := {"entry.read", "entry.proof"}

_is_entry_action if {
	input.action.name in _entry_actions
	input.resource.type == "entry"
}

_is_consistency if {
	input.action.name == "consistency.read"
	input.resource.type in {"ledger", "log"}
}

_sees_all if {
	_is_entry_action
	"admin" in caller.roles
}

_sees_all if {
	_is_entry_action
	caller.is_owner
}

_sees_all if {
	_is_consistency
	"admin" in caller.roles
}

_is_auditor if {
	_is_entry_action
	"auditor" in caller.roles
}

_is_auditor if {
	_is_consistency
	"auditor" in caller.roles
}

# What a candidate in the shadow finds tells of everything that passes.
_is_shadow if {
	input.action.name == "policy.shadow"
	input.resource.type == "policy"
}

_sees_all if {
	_is_shadow
	"admin" in caller.roles
}

# Whoever checks a decision needs the policy that made it; what one would answer is for whoever works on it.
_policy_readers := {
	"policy.evaluate": {"admin"},
	"policy.read": {"admin", "auditor"},
}

_is_policy if {
	_policy_readers[input.action.name]
	input.resource.type == "policy"
}

_reads_policy if {
	_is_policy
	_policy_readers[input.action.name] & caller.roles != set()
}

_searching_roles := {"admin", "auditor", "service"}

_is_search if {
	input.action.name == "entry.search"
	input.resource.type == "ledger"
}

_may_search if {
	_is_search
	_searching_roles & caller.roles != set()
}

_is_known if _is_open

_is_known if _is_search

_is_known if _is_policy

_is_known if _is_shadow

_is_known if _is_entry_action

_is_known if _is_consistency

# METADATA
# title: Why, for people
reasons contains "the public part of the log is open" if _is_open

reasons contains "administrators read everything" if {
	_sees_all
	"admin" in caller.roles
}

reasons contains "owners read what they wrote" if {
	_is_entry_action
	caller.is_owner
}

reasons contains "auditors read everything but personal data" if {
	_is_auditor
	not _sees_all
}

reasons contains "each entry of a search is decided by itself" if _may_search

reasons contains "policies are read by whoever checks their decisions" if _reads_policy

reasons contains "no role of the caller may read this" if {
	_is_known
	not allow
}

reasons contains "this action is not known for this resource" if not _is_known
