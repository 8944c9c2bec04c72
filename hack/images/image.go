package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// definition says what an image is made of.
type definition struct {
	name        string
	pkg         string // Go package of the program
	binary      string // its file name in the image's root
	description string
}

var definitions = []definition{
	{"manager", ".", "manager", "Weightspace manager: the controllers"},
	{"runtime", "./runtime/cmd/weightspace", "weightspace", "Weightspace runtime: trains model zoos on CPUs"},
	{"pause", "./images/pause", "pause", "Sandbox process of the local cluster"},
	{"probe", "./images/probe", "probe", "Checks of the local cluster"},
}

// user is the uid and gid of every image: "nonroot" of the distroless images.
const user = 65532

// epoch is the time stamp of everything in an image.
var epoch = time.Unix(0, 0).UTC()

// buildImage compiles the program, writes <out>/<name>.tar and <out>/<name>.cdx.json and
// returns the image's reference, whose tag ends with the image's digest.
func buildImage(ctx context.Context, opt options, def definition) (string, error) {
	start := time.Now()
	bin := filepath.Join(opt.out, "bin", opt.arch, def.binary)
	if err := compile(ctx, opt, def.pkg, bin); err != nil {
		return "", err
	}
	img, err := assemble(opt, def, bin)
	if err != nil {
		return "", err
	}
	digest, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	tag := opt.tag
	if tag == "" {
		tag = opt.version + "-" + digest.Hex[:12]
	}
	ref := fmt.Sprintf("%s/%s:%s", opt.repo, def.name, tag)
	archive := filepath.Join(opt.out, def.name+".tar")
	if err := writeArchive(archive, ref, img); err != nil {
		return "", err
	}
	if !opt.noSBOM {
		if err := writeSBOM(ctx, opt, bin, filepath.Join(opt.out, def.name+".cdx.json"), tag); err != nil {
			return "", err
		}
	}
	size, err := compressedSize(img)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(opt.log, "%s  %.1f MB compressed  %s  (%.1f s)\n", ref, float64(size)/1e6, archive, time.Since(start).Seconds())
	return ref, nil
}

// compile builds a static program.
func compile(ctx context.Context, opt options, pkg, out string) error {
	abs, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("output path: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.releaseVersion="+opt.label(), "-o", abs, pkg)
	cmd.Dir = opt.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+opt.arch)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, msg)
	}
	return nil
}

// assemble puts the base files and the program into an OCI image.
func assemble(opt options, def definition, bin string) (v1.Image, error) {
	files, err := baseFiles(opt)
	if err != nil {
		return nil, err
	}
	base, err := layer(files)
	if err != nil {
		return nil, fmt.Errorf("base layer: %w", err)
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		return nil, fmt.Errorf("read the program: %w", err)
	}
	top, err := layer([]file{{path: def.binary, mode: 0o755, data: program}})
	if err != nil {
		return nil, fmt.Errorf("program layer: %w", err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.AppendLayers(img, base, top); err != nil {
		return nil, fmt.Errorf("append layers: %w", err)
	}
	cfg, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image config: %w", err)
	}
	cfg = cfg.DeepCopy()
	cfg.Created = v1.Time{Time: epoch}
	cfg.OS, cfg.Architecture = "linux", opt.arch
	labels := labels(opt, def)
	cfg.Config = v1.Config{
		Entrypoint: []string{"/" + def.binary},
		User:       fmt.Sprintf("%d:%d", user, user),
		WorkingDir: "/",
		Env:        []string{"PATH=/", "SSL_CERT_FILE=/" + caPath, "HOME=/tmp"},
		Labels:     labels,
	}
	if img, err = mutate.ConfigFile(img, cfg); err != nil {
		return nil, fmt.Errorf("set the image config: %w", err)
	}
	annotated, ok := mutate.Annotations(img, labels).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotate the image: the result is no image")
	}
	return annotated, nil
}

// labels are the OCI annotations of an image.
func labels(opt options, def definition) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       def.name,
		"org.opencontainers.image.description": def.description,
		"org.opencontainers.image.version":     opt.label(),
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.source":      "https://github.com/weightspace/weightspace",
	}
}

// label is the version that the image and its program carry.
func (o options) label() string {
	if o.tag != "" {
		return o.tag
	}
	return o.version
}

// compressedSize is what a pull of the image transfers, in bytes.
func compressedSize(img v1.Image) (int64, error) {
	layers, err := img.Layers()
	if err != nil {
		return 0, fmt.Errorf("layers: %w", err)
	}
	var sum int64
	for _, l := range layers {
		n, err := l.Size()
		if err != nil {
			return 0, fmt.Errorf("layer size: %w", err)
		}
		sum += n
	}
	return sum, nil
}

// describe names the source: the nearest tag, or v0.1.0-dev where there is none.
func describe(ctx context.Context, root string) string {
	cmd := exec.CommandContext(ctx, "git", "describe", "--tags", "--match", "v*")
	cmd.Dir = root
	out, err := cmd.Output()
	if v := strings.TrimSpace(string(out)); err == nil && v != "" {
		return v
	}
	return "v0.1.0-dev"
}
