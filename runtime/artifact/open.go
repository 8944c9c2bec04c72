package artifact

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"gocloud.dev/blob"
	// mem:// stores, for tests.
	_ "gocloud.dev/blob/memblob"
)

// defaultMaxGet bounds what Get puts into memory.
const defaultMaxGet = 2 << 30

// Open opens the store at a URL: file:///folder (or a plain folder name), mem://,
// s3://bucket/prefix?endpoint=...&region=...&use_path_style=true, gs://bucket/prefix,
// azblob://container/prefix, pvc://claim/path (mount is where the claim is mounted). Cloud
// schemes need package artifact/clouds linked in. Query parameters are those of gocloud.dev's drivers.
func Open(ctx context.Context, rawURL, mount string) (*Store, error) {
	return OpenWith(ctx, rawURL, Options{Mount: mount})
}

// OpenWith is Open with options.
func OpenWith(ctx context.Context, rawURL string, o Options) (*Store, error) {
	b, err := openBackend(ctx, rawURL, o.Mount)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", Redact(rawURL), err)
	}
	s := &Store{url: rawURL, backend: b, retry: newRetrier(Redact(rawURL), o), maxGet: o.MaxGetBytes}
	if s.maxGet == 0 {
		s.maxGet = defaultMaxGet
	}
	return s, nil
}

// Redact removes user information from a store's URL, for messages.
func Redact(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "(malformed URL)"
	}
	return u.Redacted()
}

func openBackend(ctx context.Context, rawURL, mount string) (backend, error) {
	if rawURL == "" {
		return nil, fmt.Errorf("the URL is empty; give one such as file:///folder or s3://bucket/prefix")
	}
	if !strings.Contains(rawURL, "://") {
		return newFolder(rawURL)
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("the URL is malformed: %w", err)
	}
	if u.User != nil {
		return nil, fmt.Errorf("the URL holds a user name or password; give credentials as environment variables, or in the Secret that the ArtifactStore names")
	}
	prefix := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "file":
		return openFile(u)
	case "pvc":
		return openClaim(u, prefix, mount)
	}
	if prefix != "" {
		if err := CheckPath(prefix); err != nil {
			return nil, fmt.Errorf("prefix %q: %w", prefix, err)
		}
	}
	if !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		return nil, fmt.Errorf("no driver for scheme %q; use file, pvc, s3, gs or azblob", u.Scheme)
	}
	bucketURL := *u
	bucketURL.Path = ""
	opened, err := blob.DefaultURLMux().OpenBucketURL(ctx, &bucketURL)
	if err != nil {
		return nil, err
	}
	if prefix != "" {
		opened = blob.PrefixedBucket(opened, prefix+"/")
	}
	return &bucket{opened}, nil
}

func openFile(u *url.URL) (backend, error) {
	switch u.Host {
	case "", "localhost":
		if u.Path == "" || u.Path == "/" {
			return nil, fmt.Errorf("the URL names no folder; write file:///folder")
		}
		return newFolder(filepath.FromSlash(u.Path))
	case ".", "..":
		return newFolder(filepath.FromSlash(u.Host + u.Path))
	}
	return nil, fmt.Errorf("%q is taken for a host; write file:///folder with three slashes", u.Host)
}

func openClaim(u *url.URL, prefix, mount string) (backend, error) {
	if u.Host == "" {
		return nil, fmt.Errorf("the URL names no claim; write pvc://claim/path")
	}
	if mount == "" {
		return nil, fmt.Errorf("the claim %s is not mounted here; a pod says where in WEIGHTSPACE_STORE_MOUNT", u.Host)
	}
	if info, err := os.Stat(mount); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the mount %s of claim %s is not a folder: %w", mount, u.Host, err)
	}
	if prefix == "" {
		return newFolder(mount)
	}
	if err := CheckPath(prefix); err != nil {
		return nil, fmt.Errorf("path %q: %w", prefix, err)
	}
	return newFolder(filepath.Join(mount, filepath.FromSlash(prefix)))
}

func sortObjects(list []Object) []Object {
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list
}
