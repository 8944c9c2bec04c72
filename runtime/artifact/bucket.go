package artifact

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// bucket is a backend on a gocloud.dev driver.
type bucket struct{ b *blob.Bucket }

func (k *bucket) get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := k.b.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, classify(err)
	}
	return r, nil
}

func (k *bucket) put(ctx context.Context, key string, body io.Reader, ifNotExist bool) error {
	// Closing a writer commits it; cancelling its context first is how a write is given up.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := k.b.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/octet-stream", IfNotExist: ifNotExist, DisableContentTypeDetection: true})
	if err != nil {
		return classify(err)
	}
	if _, err := io.Copy(w, body); err != nil {
		cancel()
		_ = w.Close()
		return classify(err)
	}
	return classify(w.Close())
}

func (k *bucket) list(ctx context.Context, prefix string) ([]Object, error) {
	var out []Object
	it := k.b.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, classify(err)
		}
		if !o.IsDir && CheckPath(o.Key) == nil {
			out = append(out, Object{Path: o.Key, Size: o.Size, Modified: o.ModTime})
		}
	}
}

func (k *bucket) remove(ctx context.Context, key string) error {
	return classify(k.b.Delete(ctx, key))
}

func (k *bucket) stat(ctx context.Context, key string) (Object, error) {
	a, err := k.b.Attributes(ctx, key)
	if err != nil {
		return Object{}, classify(err)
	}
	return Object{Path: key, Size: a.Size, Modified: a.ModTime, ETag: a.ETag}, nil
}

func (k *bucket) tidy(context.Context, string) error { return nil }

func (k *bucket) close() error { return k.b.Close() }

// classify turns a driver's error into one of ours. Errors without a known kind are
// returned as they are, and retried.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if err := classifySetup(err); err != nil {
		return err
	}
	if kind := kindOfCode(err); kind != nil {
		return &Error{Kind: kind, Err: err}
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return &Error{Kind: ErrNotFound, Err: err}
	case gcerrors.AlreadyExists, gcerrors.FailedPrecondition:
		return &Error{Kind: ErrExists, Err: err}
	case gcerrors.PermissionDenied:
		return &Error{Kind: ErrDenied, Err: err}
	default:
		return err
	}
}

// noCredentialsError says that no credentials were found, before any request was sent.
type noCredentialsError struct{ err error }

// Error implements error.
func (e *noCredentialsError) Error() string {
	return "this process has no credentials for the store; give them as environment variables of the " +
		"provider (for pods: the Secret that the ArtifactStore names): " + e.err.Error()
}

// Unwrap returns the cause.
func (e *noCredentialsError) Unwrap() error { return e.err }

// classifySetup recognises what fails before a request is sent. The libraries give no types for
// it, only texts.
func classifySetup(err error) error {
	text := err.Error()
	for _, s := range []string{"get identity: get credentials: ", "DefaultAzureCredential: ", "no EC2 IMDS role found"} {
		if strings.Contains(text, s) {
			return &noCredentialsError{err}
		}
	}
	for _, s := range []string{"endpoint rule error", "Invalid Configuration: "} {
		if strings.Contains(text, s) {
			return &Error{Kind: ErrSetup, Err: err}
		}
	}
	return nil
}

// kindOfCode reads the error codes of S3 that the driver does not tell apart.
func kindOfCode(err error) error {
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) && (status.HTTPStatusCode() == http.StatusUnauthorized || status.HTTPStatusCode() == http.StatusForbidden) {
		return ErrDenied
	}
	var coded interface{ ErrorCode() string }
	if !errors.As(err, &coded) {
		return nil
	}
	switch coded.ErrorCode() {
	case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AllAccessDisabled", "XAdminUserNotFound":
		return ErrDenied
	case "PreconditionFailed":
		return ErrExists
	case "QuotaExceeded", "EntityTooLarge", "XMinioStorageFull", "InsufficientStorage":
		return ErrFull
	case "NoSuchBucket":
		return ErrNotFound
	case "ConditionalRequestConflict": // another writer is at it: try again
		return nil
	}
	return nil
}
