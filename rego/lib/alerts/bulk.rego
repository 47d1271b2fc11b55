# METADATA
# title: Somebody does too much of one thing
# description: |
#   One entry alone does not show an export. `fact` is what is to be kept of an entry, and `input.recent` holds the facts of the
#   last five minutes of the same actor, oldest first: whoever calls keeps them and need not understand them. An alert is
#   raised by the entry that crosses the bound, once for each program that the actor uses,
#   and once for those together that fetched less.
package lib.alerts.bulk

import data.lib.alerts.facts

# METADATA
# title: What is to be kept of this entry, if anything
fact := {
	"actor": facts.actor,
	"address": _address,
	"agent": facts.agent,
	"refused": _refused,
	"targets": array.slice(sort(_targets), 0, _bound),
	"topic": _topic,
} if {
	_is_worth_keeping
}

# METADATA
# title: What was found
found contains facts.alert_of_many("mass_export", "high", "secrets, passwords or records were fetched in bulk") if {
	_is_crossed
}

found contains facts.alert_of_many("many_refusals", "medium", "one caller was refused again and again") if {
	_refused
	count([seen | some seen in input.recent; seen.refused]) == _bound - 1
}

found contains facts.alert_of_many("credentials_moved", "critical", "a machine's credentials are used from another address") if {
	_address != ""
	addresses := {seen.address | some seen in input.recent; seen.address != ""}
	count(addresses) > 0
	not _address in addresses
}

# Distinct things, or refusals, within what is kept; one entry is never worth more.
_bound := 10

# A program is what its caller says it is: a name of its own for each call must not make each call the first. So what came
# to those that fetched little is counted together, at every ten of it: one that fetched much hides nobody, also when what it
# fetched is old enough to count as little.
_is_crossed if {
	count(_before) < _bound
	count(_before | _targets) >= _bound
}

_is_crossed if {
	count(_before) < _bound
	_crossings(_scattered) < _crossings(_scattered | _targets)
}

_crossings(things) := (count(things) - (count(things) % _bound)) / _bound

_before := object.get(_fetched, facts.agent, set())

_scattered := union({targets | some targets in _fetched; count(targets) < _bound})

_fetched[agent] contains target if {
	some seen in input.recent
	seen.topic == _topic
	agent := seen.agent
	some target in seen.targets
}

_is_worth_keeping if _topic != ""

_is_worth_keeping if _refused

_is_worth_keeping if _address != ""

default _refused := false

_refused if facts.is_refused

# What was fetched, by topic. A call that was refused counts: whoever asks for many and gets none was looking.
default _topic := ""

_topic := "secrets" if facts.operation == "GetSecretValue"

_topic := "parameters" if facts.operation in {"GetParameter", "GetParameters"}

_topic := "passwords" if facts.operation == "GetPasswordData"

_topic := "user data" if {
	facts.operation == "DescribeInstanceAttribute"
	facts.request.attribute == "userData"
}

_topic := "records" if input.action.name == "entry.read"

_targets contains facts.short(facts.request.secretId) if _topic == "secrets"

_targets contains facts.short(facts.request.name) if _topic == "parameters"

_targets contains facts.short(name) if {
	_topic == "parameters"
	some name in facts.request.names
}

_targets contains facts.short(facts.request.instanceId) if _topic in {"passwords", "user data"}

_targets contains facts.short(input.resource.id) if _topic == "records"

# Where a machine's own credentials were used: the session of an instance is named as the instance.
default _address := ""

_address := facts.short(facts.event.sourceIPAddress) if {
	facts.event.userIdentity.type == "AssumedRole"
	some name in array.slice(split(facts.arn, "/"), 2, 3)
	startswith(name, "i-")
}
