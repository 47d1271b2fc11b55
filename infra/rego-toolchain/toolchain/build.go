package toolchain

import (
	"bytes"
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/compile"
)

// BuildOptions are flags of `opa build`; what is not given has that command's default.
type BuildOptions struct {
	Target      string   `json:"target"`
	Entrypoints []string `json:"entrypoints"`
	Optimize    int      `json:"optimize"`
	PruneUnused bool     `json:"prune_unused"`
	// AsBundle is --bundle: the folder's manifest and only data.json and data.yaml are taken.
	AsBundle bool    `json:"as_bundle"`
	Revision *string `json:"revision"`
}

func build(ctx context.Context, c *call, answer *Answer) error {
	options := c.Build
	if options.Target == "" {
		options.Target = compile.TargetRego
	}
	var out bytes.Buffer
	compiler := compile.New().
		WithCapabilities(c.capabilities).
		WithTarget(options.Target).
		WithAsBundle(options.AsBundle).
		WithPruneUnused(options.PruneUnused).
		WithOptimizationLevel(options.Optimize).
		WithOutput(&out).
		WithEntrypoints(options.Entrypoints...).
		WithRegoAnnotationEntrypoints(true).
		WithFS(c.files()).
		WithPaths(".").
		WithFilter(c.filter).
		WithPartialNamespace("partial").
		WithRegoVersion(ast.RegoV1)
	if options.Revision != nil {
		compiler = compiler.WithRevision(*options.Revision)
	}
	if options.AsBundle {
		folder, err := c.asBundle()
		if err != nil {
			return err
		}
		compiler = compiler.WithBundle(folder)
	}
	if err := compiler.Build(ctx); err != nil {
		return err
	}
	answer.Bundle = out.Bytes()
	return nil
}
