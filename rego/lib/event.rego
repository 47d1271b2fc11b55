# METADATA
# title: What an event says about itself
# description: Claims of the caller, so each is checked for shape before it is used.
package lib.event

# METADATA
# title: Which system the event comes from
default source := "unknown"

source := label(input.event.eventSource) if label(input.event.eventSource)

source := label(input.event.source) if {
	not label(input.event.eventSource)
	label(input.event.source)
}

# METADATA
# title: What was done
default operation := "unknown"

operation := label(input.event.eventName) if label(input.event.eventName)

operation := label(input.event.type) if {
	not label(input.event.eventName)
	label(input.event.type)
}

# METADATA
# title: Whether it was done
# description: CloudTrail leaves `errorCode` out of what succeeded; others say `outcome` themselves.
default outcome := "unknown"

outcome := "failure" if _failed

outcome := "success" if {
	not _failed
	_succeeded
}

_failed if input.event.errorCode

_failed if input.event.outcome in {"failure", "error", "denied"}

_succeeded if input.event.eventName

_succeeded if input.event.outcome == "success"

# METADATA
# title: A text that may stand in a label
# description: |
#   Labels are public for ever and bounded, so only short plain words pass; anything else is undefined. Trimming away
#   the allowed characters leaves nothing of a text that has no others.
label(text) := text if {
	is_string(text)
	count(text) > 0
	count(text) <= 96
	trim(text, _label_characters) == ""
}

_label_characters := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-"
