package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// writeSBOM writes the CycloneDX bill of materials of a program: the modules linked into it,
// read from the binary itself.
func writeSBOM(ctx context.Context, opt options, bin, out, version string) error {
	tool := opt.sbom
	if tool == "" {
		var err error
		if tool, err = sbomTool(ctx, opt.root); err != nil {
			return err
		}
	}
	// No serial number and no time stamp: equal programs, equal SBOMs.
	cmd := exec.CommandContext(ctx, tool, "bin", "-json", "-std", "-noserial", "-notimestamp", "-version", version, "-output", out, bin)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cyclonedx-gomod: %w\n%s", err, msg)
	}
	return nil
}

// sbomTool returns the program of the version pinned in hack/tools/sbom, built on first use.
func sbomTool(ctx context.Context, root string) (string, error) {
	cmd := exec.CommandContext(ctx, "hack/tools/build", "cyclonedx-gomod")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build cyclonedx-gomod by hack/tools/build: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
