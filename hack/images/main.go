// Command images builds the project's container images without a Docker daemon: for each image
// a static binary, an OCI archive that also loads into Docker, and a CycloneDX SBOM.
// Equal sources, toolchain and CA bundle give equal bytes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// options are the command line.
type options struct {
	root    string // the repository
	out     string // folder for archives, SBOMs and images.env
	repo    string // prefix of image names
	version string // tag prefix; the image's digest is appended
	tag     string // whole tag, instead of version and digest
	arch    string // GOARCH
	caFile  string // CA bundle copied into the image, if it exists
	sbom    string // cyclonedx-gomod program; empty: built from hack/tools/sbom
	noSBOM  bool
	log     io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

// run parses the arguments, builds the named images (all by default) and writes images.env.
func run(ctx context.Context, args []string) error {
	opt := options{log: os.Stdout}
	quiet := false
	fs := flag.NewFlagSet("images", flag.ContinueOnError)
	fs.StringVar(&opt.root, "root", ".", "the repository")
	fs.StringVar(&opt.out, "out", "dist", "folder for the archives, SBOMs and images.env")
	fs.StringVar(&opt.repo, "repository", "weightspace.dev", "prefix of the image names")
	fs.StringVar(&opt.version, "version", "", "start of the tag; the image's digest is appended (default: git describe)")
	fs.StringVar(&opt.tag, "tag", "", "the whole tag, for releases")
	fs.StringVar(&opt.arch, "arch", runtime.GOARCH, "architecture: amd64 or arm64")
	fs.StringVar(&opt.caFile, "ca-file", "/etc/ssl/certs/ca-certificates.crt", "bundle of CA certificates to include")
	fs.StringVar(&opt.sbom, "cyclonedx-gomod", "", "cyclonedx-gomod program (default: built from hack/tools/sbom)")
	fs.BoolVar(&opt.noSBOM, "no-sbom", false, "write no SBOM")
	fs.BoolVar(&quiet, "quiet", false, "print nothing but errors")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if quiet {
		opt.log = io.Discard
	}
	if opt.version == "" {
		opt.version = describe(ctx, opt.root)
	}
	images, err := selectImages(fs.Args())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(opt.out, 0o755); err != nil {
		return fmt.Errorf("make the output folder: %w", err)
	}
	env := make([]string, 0, len(images))
	for _, img := range images {
		ref, err := buildImage(ctx, opt, img)
		if err != nil {
			return fmt.Errorf("image %s: %w", img.name, err)
		}
		env = append(env, fmt.Sprintf("%s_IMAGE=%s\n", strings.ToUpper(img.name), ref))
	}
	return mergeEnv(filepath.Join(opt.out, "images.env"), env)
}

// selectImages resolves names on the command line; none means manager and runtime.
func selectImages(names []string) ([]definition, error) {
	if len(names) == 0 {
		names = []string{"manager", "runtime"}
	}
	var out []definition
	for _, n := range names {
		i := slices.IndexFunc(definitions, func(d definition) bool { return d.name == n })
		if i < 0 {
			return nil, fmt.Errorf("no image is called %q; there are manager, runtime, pause and probe", n)
		}
		out = append(out, definitions[i])
	}
	return out, nil
}

// mergeEnv writes NAME=value lines to the file, keeping lines of other names.
func mergeEnv(path string, lines []string) error {
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read earlier image names: %w", err)
	}
	keep := map[string]string{}
	for _, l := range append(strings.SplitAfter(string(old), "\n"), lines...) {
		if name, _, ok := strings.Cut(l, "="); ok {
			keep[name] = l
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(keep)) {
		b.WriteString(keep[name])
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
