package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tlogProof is a parsed C2SP tlog-proof; its checkpoint is not yet verified.
type tlogProof struct {
	index      int64
	path       tlog.RecordProof
	checkpoint string
}

func parseProof(text string) (*tlogProof, error) {
	head, checkpoint, found := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		return nil, fmt.Errorf("not a tlog-proof")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return nil, fmt.Errorf("tlog-proof has no index")
	}
	index, err := decimal(strings.TrimPrefix(lines[0], "index "))
	if err != nil {
		return nil, err
	}
	p := &tlogProof{index: index, checkpoint: checkpoint}
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil || hash.String() != line {
			return nil, fmt.Errorf("tlog-proof has the line %q where a hash should be", line)
		}
		p.path = append(p.path, hash)
	}
	return p, nil
}

// judgeProof verifies a tlog-proof, and where a log was read also that both are one history.
func judgeProof(o options, verifier note.Verifier, l *openLog) (*proofReport, error) {
	text, err := os.ReadFile(o.proof)
	if err != nil {
		return nil, err
	}
	p, err := parseProof(string(text))
	if err != nil {
		return nil, err
	}
	head, err := openCheckpoint([]byte(p.checkpoint), verifier)
	if err != nil {
		return nil, err
	}
	leaf, err := proofLeaf(o.leaf, p.index, l)
	if err != nil {
		return nil, err
	}
	if p.index >= head.tree.N {
		return nil, fmt.Errorf("index %d is beyond the tree of %d", p.index, head.tree.N)
	}
	if err := tlog.CheckRecord(p.path, head.tree.N, head.tree.Hash, p.index, leaf); err != nil {
		return nil, err
	}
	relation, err := relate(head.tree, l)
	if err != nil {
		return nil, err
	}
	return &proofReport{Index: p.index, Size: head.tree.N, Hashes: len(p.path), Relation: relation}, nil
}

func proofLeaf(file string, index int64, l *openLog) (tlog.Hash, error) {
	if file != "" {
		entry, err := os.ReadFile(file)
		return tlog.RecordHash(entry), err
	}
	if index >= int64(len(l.leaves)) {
		return tlog.Hash{}, fmt.Errorf("the log has %d leaves and none at %d: give the entry", len(l.leaves), index)
	}
	return l.leaves[index], nil
}

func relate(head tlog.Tree, l *openLog) (string, error) {
	switch {
	case l == nil:
		return "none", nil
	case head.N > l.head.tree.N:
		return "newer", nil
	case head.N == l.head.tree.N && head.Hash != l.head.tree.Hash:
		return "", fmt.Errorf("two heads of size %d", head.N)
	case head.N == l.head.tree.N:
		return "same", nil
	}
	_, err := l.proveFrom(head)
	return "older", err
}
