package toolchain

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/version"
)

// Version says what this module was made from.
type Version struct {
	OPA string `json:"opa"`
	Go  string `json:"go"`
}

func version(_ context.Context, _ *call, answer *Answer) error {
	answer.Version = &Version{OPA: opa.Version, Go: opa.GoVersion}
	return nil
}

// capabilities answers what this version knows, whatever the request allows.
func capabilities(_ context.Context, _ *call, answer *Answer) error {
	answer.Capabilities = ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV1))
	return nil
}
