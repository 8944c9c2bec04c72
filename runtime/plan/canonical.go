package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/weightspace/weightspace/runtime/spec"
)

// Marshal returns the canonical bytes of a snapshot: indented JSON in field order, so that
// people can read the ConfigMap and equal plans have equal bytes.
func Marshal(s *spec.Snapshot) []byte {
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		panic("plan: a snapshot holds only strings and integers: " + err.Error())
	}
	return append(b, '\n')
}

// Digest returns "sha256:..." of the canonical bytes of a snapshot.
func Digest(s *spec.Snapshot) string { return digestOf(Marshal(s)) }

// Unmarshal reads a snapshot strictly: unknown fields, trailing data, another numerics
// version and a newer plan version are errors.
func Unmarshal(b []byte) (*spec.Snapshot, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var s spec.Snapshot
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("plan.json: %w; use a runtime of the same release as the manager", err)
	}
	if dec.More() {
		return nil, fmt.Errorf("plan.json: data after the plan; the file is damaged, delete its ConfigMap")
	}
	if s.PlanVersion != spec.PlanVersion {
		return nil, fmt.Errorf("plan.json: planVersion %d, this runtime reads %d; use a runtime of the same release as the manager",
			s.PlanVersion, spec.PlanVersion)
	}
	if s.Numerics != spec.NumericsVersion {
		return nil, fmt.Errorf("plan.json: numerics %q, this runtime computes %q; use the runtime image the plan was made with",
			s.Numerics, spec.NumericsVersion)
	}
	if err := checkSnapshot(&s); err != nil {
		return nil, err
	}
	return &s, nil
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// digestJSON digests a value made of strings, numbers, slices and structs.
func digestJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("plan: value cannot be digested: " + err.Error())
	}
	return digestOf(b)
}
