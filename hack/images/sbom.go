package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// sbomTool builds cyclonedx-gomod at the version pinned in hack/tools/sbom; the compiler's
// cache makes the second time quick.
func sbomTool(ctx context.Context, root string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("folder for tools: %w", err)
	}
	out := filepath.Join(cache, "weightspace", "tools", "cyclonedx-gomod")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod")
	cmd.Dir = filepath.Join(root, "hack", "tools", "sbom")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cyclonedx-gomod from hack/tools/sbom: %w\n%s", err, msg)
	}
	return out, nil
}
