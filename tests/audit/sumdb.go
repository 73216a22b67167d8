// SPDX-License-Identifier: Apache-2.0

// sumdb checks an export with the packages of Go's own checksum database, which share nothing with
// layerseal: sumdb VKEY DIR [OLDDIR].
//
// It opens the checkpoint, proves every entry in it, and, given an older export, that the log began as
// that one. It prints the size, and the hashes of the last proof, in base64.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type export string

// path takes the height out of Go's spelling of a tile and names entries as C2SP does.
func path(t tlog.Tile) string {
	p := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(p, "data/", "entries/", 1)
}

// read falls back to the full tile, which an export that grew has in place of a partial one.
func (x export) read(t tlog.Tile) (data []byte, full bool, err error) {
	data, err = os.ReadFile(filepath.Join(string(x), path(t)))
	if errors.Is(err, fs.ErrNotExist) && t.W < 1<<height {
		t.W = 1 << height
		data, err = os.ReadFile(filepath.Join(string(x), path(t)))
		return data, true, err
	}
	return data, false, err
}

func (x export) Height() int { return height }

func (x export) SaveTiles([]tlog.Tile, [][]byte) {}

func (x export) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, _, err := x.read(t)
		if err != nil {
			return nil, err
		}
		if len(data) < t.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: too short", path(t))
		}
		all = append(all, data[:t.W*tlog.HashSize])
	}
	return all, nil
}

// checkpoint reads the head; ParseTree knows the first line of one log only.
func (x export) checkpoint(v note.Verifier) (tlog.Tree, error) {
	msg, err := os.ReadFile(filepath.Join(string(x), "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return tlog.Tree{}, err
	}
	origin, rest, _ := strings.Cut(n.Text, "\n")
	if origin != v.Name() {
		return tlog.Tree{}, fmt.Errorf("origin %q is not the key's name", origin)
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

// entries returns those of one bundle.
func (x export) entries(n int64, width int) ([][]byte, error) {
	t := tlog.Tile{H: height, L: -1, N: n, W: width}
	data, full, err := x.read(t)
	var all [][]byte
	for i := 0; i < width && err == nil; i++ {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s: too short", path(t))
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		all = append(all, data[2:end])
		data = data[end:]
	}
	if err == nil && !full && len(data) > 0 {
		return nil, fmt.Errorf("%s: too long", path(t))
	}
	return all, err
}

// leafHashes reads those of one bundle, authenticated up to the root.
func leafHashes(hashes tlog.HashReader, first int64, width int) ([]tlog.Hash, error) {
	var at []int64
	for i := 0; i < width; i++ {
		at = append(at, tlog.StoredHashIndex(0, first+int64(i)))
	}
	return hashes.ReadHashes(at)
}

// prove checks that every entry is the one whose hash is in the tree, and proves about a thousand of them,
// among these the last one, whose proof it returns.
func prove(x export, tree tlog.Tree, hashes tlog.HashReader) (tlog.RecordProof, error) {
	var proof tlog.RecordProof
	step := 1 + tree.N/1000
	for first := int64(0); first < tree.N; first += 1 << height {
		width := 1 << height
		if tree.N-first < int64(width) {
			width = int(tree.N - first)
		}
		entries, err := x.entries(first>>height, width)
		if err != nil {
			return nil, err
		}
		leaves, err := leafHashes(hashes, first, width)
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			n, leaf := first+int64(i), tlog.RecordHash(entry)
			if leaf != leaves[i] || !bytes.HasPrefix(entry, []byte("layerseal/v1 entry\n")) {
				return nil, fmt.Errorf("entry %d: not the one in the tree", n)
			}
			if n%step != 0 && n != tree.N-1 {
				continue
			}
			if proof, err = tlog.ProveRecord(tree.N, n, hashes); err != nil {
				return nil, err
			}
			if err = tlog.CheckRecord(proof, tree.N, tree.Hash, n, leaf); err != nil {
				return nil, fmt.Errorf("entry %d: %w", n, err)
			}
		}
	}
	return proof, nil
}

// extends proves that the log of `old` is its beginning.
func extends(old, tree tlog.Tree, hashes tlog.HashReader) (tlog.TreeProof, error) {
	if old.N == tree.N && old.Hash == tree.Hash {
		return nil, nil
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err == nil {
		err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
	}
	return proof, err
}

func run(vkey string, x export, old *export) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	tree, err := x.checkpoint(v)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, x)
	record, err := prove(x, tree, hashes)
	if err != nil {
		return err
	}
	proof := []tlog.Hash(record)
	if old != nil {
		before, err := old.checkpoint(v)
		if err != nil {
			return err
		}
		if proof, err = extends(before, tree, hashes); err != nil {
			return err
		}
	}
	fmt.Println(tree.N)
	for _, h := range proof {
		fmt.Println(h)
	}
	return nil
}

func main() {
	var old *export
	if len(os.Args) == 4 {
		o := export(os.Args[3])
		old = &o
	} else if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sumdb VKEY DIR [OLDDIR]")
		os.Exit(2)
	}
	if err := run(os.Args[1], export(os.Args[2]), old); err != nil {
		fmt.Fprintln(os.Stderr, "sumdb:", err)
		os.Exit(1)
	}
}
