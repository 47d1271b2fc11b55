# METADATA
# title: What a sealed entry says to the rules of alerts
# description: |
#   Reads CloudTrail events, bare or as the payload of a CloudEvent, and denials of this ledger. Everything is a claim, so a
#   missing or misshapen member leaves a rule undefined, and what is undefined raises nothing.
package lib.alerts.facts

# METADATA
# title: The event, unwrapped
# description: What came with a denied request is no event. Nobody vouches for it, and anybody can send it.
event := _event if not _is_denied

_event := input.event.data if {
	is_object(input.event.data)
} else := input.event

# METADATA
# title: What was asked of the system that reported the event
request := event.requestParameters

# METADATA
# title: What was done
operation := event.eventName

# METADATA
# title: Who did it
# description: |
#   The identity in an event that was taken, never the name that a caller chose for the session; of everything else whom
#   the gateway vouches for, whatever a denied request says of itself.
actor := short(arn) if {
	arn
} else := short(concat("/", [input.subject.type, input.subject.id]))

# METADATA
# title: Who did it, by its name at the provider
arn := event.userIdentity.arn if startswith(event.userIdentity.arn, "arn:")

# METADATA
# title: With which program
default agent := ""

agent := short(event.userAgent)

# METADATA
# title: A text that may be kept, however long it was
# description: Short and plain texts stay; of others the digest, for what is kept has a bound and two must not become one.
short(text) := text if {
	regex.match(_plain, text)
} else := crypto.sha256(text)

_plain := `^[ !#-\[\]-~]{0,80}$`

# METADATA
# title: Whether it was refused for want of rights
# description: Throttling and mistakes are failures too, and no refusals.
is_refused if _is_denied

is_refused if event.errorCode in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

is_refused if endswith(event.errorCode, ".UnauthorizedOperation")

# METADATA
# title: Whether it was tried and did not happen
default outcome := "success"

outcome := "failure" if is_string(event.errorCode)

outcome := "failure" if _is_denied

_is_denied if input.entry.kind == "denial"

# METADATA
# title: An alert
# description: |
#   A leaf has no outcome, so the title says what did not happen. An attempt that the other system refused is as severe as the
#   deed; one that this ledger denied did nothing. Nothing of the event is repeated.
alert(rule, severity, title) := {"rule": rule, "severity": severity, "title": title, "outcome": outcome} if {
	outcome == "success"
} else := {"rule": rule, "severity": "low", "title": concat("", ["denied: ", title]), "outcome": outcome} if {
	_is_denied
} else := {"rule": rule, "severity": severity, "title": concat("", ["failed: ", title]), "outcome": outcome}

# METADATA
# title: An alert about several entries
# description: Whether the last of them failed says nothing of those before it, so the title is one.
alert_of_many(rule, severity, title) := {"rule": rule, "severity": severity, "title": title, "outcome": outcome}
