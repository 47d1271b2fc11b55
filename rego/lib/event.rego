# METADATA
# title: What an event says about itself
# description: Claims of the caller, so each is checked for shape before it is used.
package lib.event

# METADATA
# title: Which system the event comes from
# description: CloudTrail's name for it first, then CloudEvents'.
default source := "unknown"

source := _named_source

source := label(input.event.source) if not _named_source

_named_source := label(input.event.eventSource)

# METADATA
# title: What was done
# description: CloudTrail's name for it first, then CloudEvents'.
default operation := "unknown"

operation := _named_operation

operation := label(input.event.type) if not _named_operation

_named_operation := label(input.event.eventName)

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
