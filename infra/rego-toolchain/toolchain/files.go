package toolchain

import (
	"io/fs"
	"path"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/loader"
)

// files is the request's folder as a file system.
func (c *call) files() fs.FS {
	files := fstest.MapFS{}
	for name, text := range c.Files {
		files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return files
}

// filter leaves out what --ignore names.
func (c *call) filter(name string, info fs.FileInfo, depth int) bool {
	for _, pattern := range c.Ignore {
		if loader.GlobExcludeName(pattern, 1)(name, info, depth) {
			return true
		}
	}
	return false
}

// rego leaves out everything but modules too.
func (c *call) rego(name string, info fs.FileInfo, depth int) bool {
	return c.filter(name, info, depth) || (!info.IsDir() && path.Ext(info.Name()) != ".rego")
}

// load reads modules and, where the filter lets them, data.
func (c *call) load(filter loader.Filter) (*loader.Result, error) {
	return loader.NewFileLoader().
		WithFS(c.files()).
		WithRegoVersion(ast.RegoV1).
		WithProcessAnnotation(true).
		WithCapabilities(c.capabilities).
		Filtered([]string{"."}, filter)
}

// compiler is set up as OPA's own commands do it.
func (c *call) compiler() *ast.Compiler {
	return ast.NewCompiler().
		WithCapabilities(c.capabilities).
		WithEnablePrintStatements(true).
		WithUseTypeCheckAnnotations(true)
}
