# METADATA
# title: Changing the policy
# description: |
#   Administrators put another policy in charge, with approvals of people who did not write it. The gateway passes on only
#   approvals that stand: signed, certified by the root, unexpired, unused, each by another person, none by the author.
package policy.admin

import data.lib.caller

# METADATA
# title: Whether the policy changes
default allow := false

allow if {
	_is_activation
	_granted
	_approved
	_author_is_known
	_grace_is_short
	_is_replayed
}

# METADATA
# title: How many approvals this change needs
default approvals_needed := 1

approvals_needed := data.settings.activation.approvals if {
	_is_activation
	not _is_emergency
}

approvals_needed := data.settings.activation.break_glass if {
	_is_activation
	_is_emergency
}

_is_activation if {
	input.action.name == "policy.activate"
	input.resource.type == "policy"
}

_is_emergency if input.resource.properties.change == "break_glass"

_granted if {
	some role in data.settings.activation.roles
	role in caller.roles
}

_approved if count(input.resource.properties.approvals) >= approvals_needed

_author_is_known if is_string(input.resource.properties.author)

# What comes back was in charge before, as it is archived: nobody can have taken its signature off since.
_author_is_known if input.resource.properties.change == "rollback"

_author_is_known if data.settings.activation.unsigned == true

_grace_is_short if input.resource.properties.grace_ms <= data.settings.activation.grace_ms_max

# Everybody who is needed has seen what the bundle would have decided. An emergency has no time for it, and what comes back has
# decided before.
_is_replayed if not _replay_is_needed

_is_replayed if {
	reports := [one | some one in input.resource.properties.approvals; is_number(one.report)]
	count(reports) >= approvals_needed
}

_replay_is_needed if {
	data.settings.activation.report_needed == true
	input.resource.properties.change == "update"
}

# METADATA
# title: Why, for people
reasons contains "approved by enough people" if allow

reasons contains "no role of the caller may change the policy" if {
	_is_activation
	not _granted
}

reasons contains concat("", ["this change needs approvals: ", sprintf("%d", [approvals_needed])]) if {
	_is_activation
	not _approved
}

reasons contains "the bundle is not signed by a known author" if {
	_is_activation
	not _author_is_known
}

reasons contains "the grace for the policy before is too long" if {
	_is_activation
	not _grace_is_short
}

reasons contains "approvals have to name a replay of the bundle" if {
	_is_activation
	not _is_replayed
}

reasons contains "this decides only policy.activate" if not _is_activation
