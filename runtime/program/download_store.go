package program

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

// storeScheme marks a source that lies in the store, put there by `weightspace dataset import`.
const storeScheme = "store:"

// storeRemote is a file in an object store: the artifact store or a bucket.
type storeRemote struct {
	store *artifact.Store
	path  string
	// label is what messages call it.
	label string
	// absent says what to do when it is not there.
	absent string
}

func (r *storeRemote) name() string { return r.label }

func (r *storeRemote) open(ctx context.Context, offset, length int64, _ string) (*stream, error) {
	o, err := r.store.Stat(ctx, r.path)
	if errors.Is(err, artifact.ErrNotFound) {
		return nil, &InputError{Problem: r.label + " is not there", Remedy: r.absent, Err: err}
	}
	if err != nil {
		return nil, err
	}
	tag := o.ETag
	if tag == "" {
		tag = fmt.Sprintf("%d bytes of %s", o.Size, o.Modified.UTC().Format(time.RFC3339Nano))
	}
	if length >= 0 {
		length = min(length, max(o.Size-offset, 0))
	}
	body, err := r.store.RangeReader(ctx, r.path, offset, length)
	if err != nil {
		return nil, err
	}
	return &stream{ReadCloser: body, from: offset, ranged: true, size: o.Size, tag: tag}, nil
}

// newUploadRemote is <namespace>/uploads/<path> in the artifact store.
func newUploadRemote(s *spec.Snapshot, store *artifact.Store, path string) (remote, error) {
	if err := artifact.CheckPath(path); err != nil {
		return nil, &InputError{Problem: fmt.Sprintf("store:%s is no path below the uploads: %v", path, err), Remedy: "give store:name/file as `weightspace dataset import` printed it"}
	}
	full := s.Object.Namespace + "/uploads/" + path
	return &storeRemote{store: store, path: full, label: full, absent: "put it into the store with `weightspace dataset import`, in the same store and namespace"}, nil
}

// bucketSource cuts the URL of an object into the bucket to open and the object's key. The query of the artifact store's URL, which
// tells endpoint and region, is the bucket's too when both are of one kind: the pod has the store's credentials, and nobody but the
// admin says where they are sent.
func bucketSource(storeURL, rawURL string) (bucket, key string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", &InputError{Problem: fmt.Sprintf("%q is not a plain URL of an object", rawURL), Remedy: "write s3://bucket/path without a query; endpoint and region are those of the artifact store", Err: err}
	}
	key = strings.TrimPrefix(u.Path, "/")
	if err := artifact.CheckPath(key); err != nil {
		return "", "", &InputError{Problem: fmt.Sprintf("%q names no object: %v", rawURL, err), Remedy: "write " + u.Scheme + "://bucket/path"}
	}
	b := url.URL{Scheme: u.Scheme, Host: u.Host}
	if store, err := url.Parse(storeURL); err == nil && store.Scheme == u.Scheme {
		b.RawQuery = store.RawQuery
	}
	return b.String(), key, nil
}

// isBucketURL says whether a source lies in a bucket.
func isBucketURL(rawURL string) bool {
	for _, scheme := range []string{"s3://", "gs://", "azblob://"} {
		if strings.HasPrefix(rawURL, scheme) {
			return true
		}
	}
	return false
}
