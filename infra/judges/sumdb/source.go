package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// The most that one resource may hold: a bundle of 256 entries of 65,535 bytes, each with its length.
	maxResource = tileWidth * (65535 + 2)
)

var errMissing = errors.New("missing")

// source reads the resources of a log by their path below its prefix.
type source interface {
	read(path string) ([]byte, error)
}

func newSource(log string) source {
	if strings.HasPrefix(log, "http://") || strings.HasPrefix(log, "https://") {
		return httpSource{prefix: strings.TrimSuffix(log, "/"), client: &http.Client{Timeout: 30 * time.Second}}
	}
	return dirSource(strings.TrimPrefix(log, "file://"))
}

type dirSource string

func (d dirSource) read(path string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(string(d), filepath.FromSlash(path)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, errMissing)
	}
	return data, err
}

type httpSource struct {
	prefix string
	client *http.Client
}

func (h httpSource) read(path string) ([]byte, error) {
	answer, err := h.client.Get(h.prefix + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%s: %w", path, errMissing)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxResource+1))
}

// tilePath is the C2SP form of a path: one height for all, and bundles under "entries".
func tilePath(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", t.H))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// readTile reads a tile or bundle, and where its partial form is gone the full one (C2SP tlog-tiles, Partial Tiles).
// The caller cuts what it gets to the width that it wanted; full tells that there may be more.
func readTile(s source, t tlog.Tile) (data []byte, full bool, err error) {
	data, err = s.read(tilePath(t))
	if t.W == tileWidth || !errors.Is(err, errMissing) {
		return data, t.W == tileWidth, err
	}
	missing := err
	t.W = tileWidth
	if data, err = s.read(tilePath(t)); errors.Is(err, errMissing) {
		return nil, false, missing
	}
	return data, true, err
}
