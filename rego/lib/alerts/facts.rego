# METADATA
# title: What a sealed entry says to the rules of alerts
# description: |
#   Reads CloudTrail events, bare or as the payload of a CloudEvent, and denials of this ledger. Everything is a claim, so a
#   missing or misshapen member leaves a rule undefined, and what is undefined raises nothing.
package lib.alerts.facts

# METADATA
# title: The event, unwrapped
event := input.event.data if {
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
# description: The identity behind a session's name, never the name that a caller chose for the session.
actor := event.userIdentity.arn if {
	is_string(event.userIdentity.arn)
} else := concat("/", [input.subject.type, input.subject.id])

# METADATA
# title: With which program
default agent := ""

agent := event.userAgent if is_string(event.userAgent)

# METADATA
# title: Whether it was refused for want of rights
# description: Throttling and mistakes are failures too, and no refusals.
is_refused if input.entry.kind == "denial"

is_refused if event.errorCode in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

is_refused if endswith(event.errorCode, ".UnauthorizedOperation")

# METADATA
# title: Whether it was tried and did not happen
default outcome := "success"

outcome := "failure" if is_string(event.errorCode)

outcome := "failure" if input.entry.kind == "denial"

# METADATA
# title: An alert
# description: With the outcome, for an attempt that failed was made by somebody. Nothing of the event is repeated.
alert(rule, severity, title) := {"rule": rule, "severity": severity, "title": title, "outcome": outcome}
