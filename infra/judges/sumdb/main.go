// Command sumdb judges a C2SP tlog-tiles log with golang.org/x/mod/sumdb, which this project did not write.
//
// It reads a log over HTTP or from a directory, or only a tlog-proof file, prints one JSON object, and exits with 0
// when all holds, 1 when something is refused and 2 on wrong usage.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// verdict is what is printed: how much was verified, and at which step it stopped if it did.
type verdict struct {
	OK          bool         `json:"ok"`
	Step        string       `json:"step,omitempty"`
	Error       string       `json:"error,omitempty"`
	Origin      string       `json:"origin,omitempty"`
	Size        int64        `json:"size"`
	Root        string       `json:"root,omitempty"`
	Tiles       int          `json:"tiles"`
	Bundles     int          `json:"bundles"`
	Leaves      int64        `json:"leaves"`
	Inclusion   int64        `json:"inclusion"`
	Consistency *consistency `json:"consistency,omitempty"`
	Proof       *proofReport `json:"proof,omitempty"`
}

type consistency struct {
	// From is the size of the smallest older head, Heads their number, Hashes those of all proofs.
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Heads  int   `json:"heads"`
	Hashes int   `json:"hashes"`
}

type proofReport struct {
	Index  int64 `json:"index"`
	Size   int64 `json:"size"`
	Hashes int   `json:"hashes"`
	// Relation of the proof's checkpoint to the log that was read: older, same, newer; none without a log.
	Relation string `json:"relation"`
}

type options struct {
	log, vkey, older, proof, leaf string
	sample                        int64
}

func main() {
	var o options
	flag.StringVar(&o.log, "log", "", "URL or directory that holds checkpoint and tile/")
	flag.StringVar(&o.vkey, "vkey", "", "note verifier key, or a file that holds it")
	flag.StringVar(&o.older, "older", "", "file with an older checkpoint to prove consistent, or a directory of such files")
	flag.StringVar(&o.proof, "proof", "", "tlog-proof file to verify")
	flag.StringVar(&o.leaf, "leaf", "", "file with the proof's entry; without it the log's own entry is taken")
	flag.Int64Var(&o.sample, "sample", 0, "inclusion proofs to make and check, evenly spread; 0 means every leaf")
	flag.Parse()
	if o.vkey == "" || (o.log == "" && o.proof == "") || (o.log == "" && o.leaf == "") || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	v := &verdict{}
	if err := run(o, v); err != nil {
		v.Error = err.Error()
	} else {
		v.OK, v.Step = true, ""
	}
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil || !v.OK {
		os.Exit(1)
	}
}

// run does the steps in order and leaves in v what was verified so far.
func run(o options, v *verdict) error {
	v.Step = "vkey"
	verifier, err := readVerifier(o.vkey)
	if err != nil {
		return err
	}
	var l *openLog
	if o.log != "" {
		if l, err = judgeLog(o, verifier, v); err != nil {
			return err
		}
	}
	if o.older != "" {
		v.Step = "consistency"
		if l == nil {
			return fmt.Errorf("an older checkpoint needs the log")
		}
		if v.Consistency, err = l.checkOlder(o.older, verifier); err != nil {
			return err
		}
	}
	if o.proof != "" {
		v.Step = "proof"
		if v.Proof, err = judgeProof(o, verifier, l); err != nil {
			return err
		}
	}
	return nil
}

// judgeLog verifies the checkpoint, every tile and bundle, and the inclusion proofs.
func judgeLog(o options, verifier note.Verifier, v *verdict) (*openLog, error) {
	v.Step = "checkpoint"
	l, err := open(newSource(o.log), verifier)
	if err != nil {
		return nil, err
	}
	v.Origin, v.Size, v.Root = l.head.origin, l.head.tree.N, l.head.tree.Hash.String()
	v.Step = "tiles"
	if v.Tiles, err = l.checkTiles(); err != nil {
		return nil, err
	}
	v.Step = "bundles"
	if v.Bundles, err = l.checkBundles(); err != nil {
		return nil, err
	}
	v.Leaves = int64(len(l.leaves))
	v.Step = "inclusion"
	v.Inclusion, err = l.checkInclusion(o.sample)
	return l, err
}

func readVerifier(textOrFile string) (note.Verifier, error) {
	if text, err := os.ReadFile(textOrFile); err == nil {
		textOrFile = strings.TrimSpace(string(text))
	}
	return note.NewVerifier(textOrFile)
}
