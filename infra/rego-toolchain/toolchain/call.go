// Package toolchain is the Rego toolchain as one function from a JSON request to a JSON answer, over files that are
// held in memory: it reads no disk and no network.
package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Request is one call. Which members count depends on Op.
type Request struct {
	// Op is version, capabilities, build, check, format, test or evaluate.
	Op string `json:"op"`
	// Files are texts by slash path, as a command that runs inside the policy's folder names them.
	Files map[string]string `json:"files"`
	// Ignore has the patterns of --ignore: names of files and folders that are left out.
	Ignore []string `json:"ignore"`
	// Capabilities is the JSON of --capabilities; without it, everything that this version knows.
	Capabilities json.RawMessage `json:"capabilities,omitempty"`

	Build    BuildOptions    `json:"build"`
	Check    CheckOptions    `json:"check"`
	Test     TestOptions     `json:"test"`
	Evaluate EvaluateOptions `json:"evaluate"`
}

// Answer is what comes back. Bytes are base64.
type Answer struct {
	// OK says that the call did what it was asked; tests that fail are still OK.
	OK       bool      `json:"ok"`
	Problems []Problem `json:"problems,omitempty"`

	Version      *Version          `json:"version,omitempty"`
	Capabilities *ast.Capabilities `json:"capabilities,omitempty"`
	Bundle       []byte            `json:"bundle,omitempty"`
	// Formatted has only the files that are not formatted yet.
	Formatted map[string]string `json:"formatted,omitempty"`
	Test      *TestReport       `json:"test,omitempty"`
	Evaluated *Evaluated        `json:"evaluated,omitempty"`
}

var operations = map[string]func(context.Context, *call, *Answer) error{
	"version":      version,
	"capabilities": capabilities,
	"build":        build,
	"check":        check,
	"format":       formatFiles,
	"test":         test,
	"evaluate":     evaluate,
}

// call is a request with what every operation needs of it.
type call struct {
	Request
	capabilities *ast.Capabilities
}

// Call answers a request. It always gives JSON; what runs out of stack or memory takes the whole module with it.
func Call(request []byte) (answer []byte) {
	defer func() {
		if reason := recover(); reason != nil {
			answer = encode(Answer{Problems: []Problem{{Code: "panic", Message: fmt.Sprint(reason)}}})
		}
	}()
	var result Answer
	if err := run(request, &result); err != nil {
		result.Problems = problemsOf(err)
	} else {
		result.OK = true
	}
	return encode(result)
}

func run(text []byte, result *Answer) error {
	var c call
	if err := json.Unmarshal(text, &c.Request); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	operation, known := operations[c.Op]
	if !known {
		return fmt.Errorf("unknown operation %q", c.Op)
	}
	c.capabilities = ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	if len(c.Request.Capabilities) > 0 {
		given, err := ast.LoadCapabilitiesJSON(bytes.NewReader(c.Request.Capabilities))
		if err != nil {
			return fmt.Errorf("capabilities: %w", err)
		}
		c.capabilities = given
	}
	return operation(context.Background(), &c, result)
}

func encode(answer Answer) []byte {
	text, err := json.Marshal(answer)
	if err == nil {
		return text
	}
	text, err = json.Marshal(Answer{Problems: []Problem{{Code: "internal", Message: err.Error()}}})
	if err != nil {
		panic(errors.Join(errors.New("an answer without values does not encode"), err))
	}
	return text
}
