package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// openLog is a log whose checkpoint was verified. Hashes are only ever read through tlog.TileHashReader, which
// authenticates each tile against the root of the checkpoint.
type openLog struct {
	source source
	head   checkpoint
	hashes tlog.HashReader
	leaves []tlog.Hash
	tiles  map[tlog.Tile][]byte
}

func open(s source, verifier note.Verifier) (*openLog, error) {
	text, err := s.read("checkpoint")
	if err != nil {
		return nil, err
	}
	head, err := openCheckpoint(text, verifier)
	if err != nil {
		return nil, err
	}
	if head.tree.N == 0 && head.tree.Hash != tlog.Hash(sha256.Sum256(nil)) {
		return nil, fmt.Errorf("an empty log has the root %v", head.tree.Hash)
	}
	l := &openLog{source: s, head: head, tiles: map[tlog.Tile][]byte{}}
	l.hashes = tlog.TileHashReader(head.tree, l)
	return l, nil
}

// Height implements tlog.TileReader.
func (l *openLog) Height() int { return tileHeight }

// SaveTiles implements tlog.TileReader: only what was authenticated is kept.
func (l *openLog) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, t := range tiles {
		l.tiles[t] = data[i]
	}
}

// ReadTiles implements tlog.TileReader and is strict about lengths.
func (l *openLog) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		if data, ok := l.tiles[t]; ok {
			out[i] = data
			continue
		}
		data, full, err := readTile(l.source, t)
		if err != nil {
			return nil, err
		}
		want := t.W
		if full {
			want = tileWidth
		}
		if len(data) != want*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes, want %d", tilePath(t), len(data), want*tlog.HashSize)
		}
		out[i] = data[:t.W*tlog.HashSize]
	}
	return out, nil
}

// checkTiles reads every tile of the tree, highest level first so that parents are at hand, and authenticates each.
func (l *openLog) checkTiles() (int, error) {
	tiles := tlog.NewTiles(tileHeight, 0, l.head.tree.N)
	for i := len(tiles) - 1; i >= 0; i-- {
		if _, err := tlog.ReadTileData(tiles[i], l.hashes); err != nil {
			return 0, fmt.Errorf("%s: %w", tilePath(tiles[i]), err)
		}
	}
	return len(tiles), nil
}

// checkBundles hashes every entry and compares it with the authenticated leaf hash at its index.
func (l *openLog) checkBundles() (int, error) {
	bundles := 0
	for _, t := range tlog.NewTiles(tileHeight, 0, l.head.tree.N) {
		if t.L != 0 {
			continue
		}
		entries, err := l.readBundle(t.N, t.W)
		if err != nil {
			return 0, err
		}
		want, err := tlog.ReadTileData(t, l.hashes)
		if err != nil {
			return 0, err
		}
		for i, entry := range entries {
			leaf := tlog.RecordHash(entry)
			if string(leaf[:]) != string(want[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
				return 0, fmt.Errorf("entry %d does not hash to its leaf", t.N*tileWidth+int64(i))
			}
			l.leaves = append(l.leaves, leaf)
		}
		bundles++
	}
	return bundles, nil
}

// readBundle returns the first width entries of a bundle; anything that is not a whole entry is refused.
func (l *openLog) readBundle(n int64, width int) ([][]byte, error) {
	t := tlog.Tile{H: tileHeight, L: -1, N: n, W: width}
	data, full, err := readTile(l.source, t)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, fmt.Errorf("%s ends inside a length", tilePath(t))
		}
		size := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+size {
			return nil, fmt.Errorf("%s ends inside an entry", tilePath(t))
		}
		entries, data = append(entries, data[2:2+size]), data[2+size:]
	}
	if len(entries) < width || (!full && len(entries) > width) || len(entries) > tileWidth {
		return nil, fmt.Errorf("%s has %d entries, want %d", tilePath(t), len(entries), width)
	}
	return entries[:width], nil
}

// checkInclusion makes and checks the proofs of every leaf, or of sample leaves from the first to the last.
func (l *openLog) checkInclusion(sample int64) (int64, error) {
	size := l.head.tree.N
	count := size
	if sample > 0 && sample < size {
		count = sample
	}
	for k := int64(0); k < count; k++ {
		index := k
		if count < size && count > 1 {
			index = k * (size - 1) / (count - 1)
		}
		proof, err := tlog.ProveRecord(size, index, l.hashes)
		if err != nil {
			return k, err
		}
		if err := tlog.CheckRecord(proof, size, l.head.tree.Hash, index, l.leaves[index]); err != nil {
			return k, fmt.Errorf("leaf %d: %w", index, err)
		}
	}
	return count, nil
}

// checkOlder proves that the log extends every head in a file, or in all files of a directory.
func (l *openLog) checkOlder(place string, verifier note.Verifier) (*consistency, error) {
	files := []string{place}
	if names, err := os.ReadDir(place); err == nil {
		files = nil
		for _, name := range names {
			files = append(files, filepath.Join(place, name.Name()))
		}
	}
	report := &consistency{From: l.head.tree.N, To: l.head.tree.N}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		older, err := openCheckpoint(text, verifier)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		hashes, err := l.proveFrom(older.tree)
		if err != nil {
			return nil, fmt.Errorf("head of %d leaves: %w", older.tree.N, err)
		}
		report.From, report.Heads = min(report.From, older.tree.N), report.Heads+1
		report.Hashes += hashes
	}
	return report, nil
}

// proveFrom makes and checks the proof that the log extends an older head. The number of its hashes is returned.
func (l *openLog) proveFrom(older tlog.Tree) (int, error) {
	if older.N > l.head.tree.N {
		return 0, fmt.Errorf("the log shrank from %d to %d leaves", older.N, l.head.tree.N)
	}
	if older.N == 0 {
		if older.Hash != tlog.Hash(sha256.Sum256(nil)) {
			return 0, fmt.Errorf("the empty tree has another root")
		}
		return 0, nil
	}
	proof, err := tlog.ProveTree(l.head.tree.N, older.N, l.hashes)
	if err != nil {
		return 0, err
	}
	return len(proof), tlog.CheckTree(proof, l.head.tree.N, l.head.tree.Hash, older.N, older.Hash)
}
