package toolchain

import (
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/loader/filter"
)

// asBundle reads the folder as `opa build --bundle .` reads it from a disk. OPA's own reader of file systems names
// modules with a slash in front, and an optimised bundle has its files in the order of their names.
func (c *call) asBundle() (*bundle.Bundle, error) {
	const folder = "."
	files, err := c.bundleFiles()
	if err != nil {
		return nil, err
	}
	read, err := bundle.NewCustomReader(&bundleFiles{names: files, texts: c.Files}).
		WithProcessAnnotations(true).
		WithCapabilities(c.capabilities).
		WithRegoVersion(ast.RegoV1).
		WithBundleName(folder).
		WithBaseDir(folder).
		Read()
	if err != nil {
		return nil, fmt.Errorf("load error: bundle %s: %w", folder, err)
	}
	return bundle.MergeWithRegoVersion([]*bundle.Bundle{&read}, ast.RegoV1, false)
}

// bundleFiles lists what is not ignored, in the order of a walk through the folder.
func (c *call) bundleFiles() (names []string, err error) {
	err = fs.WalkDir(c.files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		isIgnored := c.filter(name, info, strings.Count(name, "/")+1)
		if isIgnored && entry.IsDir() {
			return fs.SkipDir
		}
		if !isIgnored && !entry.IsDir() {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// bundleFiles is the request's folder as a directory of a bundle.
type bundleFiles struct {
	names []string
	texts map[string]string
}

func (b *bundleFiles) NextFile() (*bundle.Descriptor, error) {
	if len(b.names) == 0 {
		return nil, io.EOF
	}
	name := b.names[0]
	b.names = b.names[1:]
	return bundle.NewDescriptor(name, "/"+name, strings.NewReader(b.texts[name])), nil
}

// What is left out, and how much there may be, was decided before.

func (b *bundleFiles) WithFilter(filter.LoaderFilter) bundle.DirectoryLoader { return b }

func (b *bundleFiles) WithPathFormat(bundle.PathFormat) bundle.DirectoryLoader { return b }

func (b *bundleFiles) WithSizeLimitBytes(int64) bundle.DirectoryLoader { return b }

func (b *bundleFiles) WithFollowSymlinks(bool) bundle.DirectoryLoader { return b }
