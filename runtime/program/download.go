package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	downloadAttempts = 8
	firstBackoff     = 500 * time.Millisecond
	longestBackoff   = 30 * time.Second
	maxRedirects     = 5
)

// errPermanent marks an answer of a server that another attempt cannot change.
var errPermanent = errors.New("the server refuses")

// defaultHTTPClient has time-outs for everything but the body, which may be long.
func defaultHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 nil,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		IdleConnTimeout:       60 * time.Second,
		// The digest is that of the file as it lies on the server.
		DisableCompression: true,
	}}
}

// download fetches one http(s) URL into a file and returns its sha256 in hex. It resumes
// a broken transfer with a Range request where the server allows it, retries with back-off, follows redirects
// only within the URL's own host, and stops at the size limit.
type download struct {
	client  *http.Client
	allowed func(host string) bool
	limit   int64
	// backoff is the first pause between attempts; it doubles up to longestBackoff.
	backoff  time.Duration
	progress func(done, total int64)
	warn     func(msg string, args ...any)
}

// transfer is the state of one file between attempts.
type transfer struct {
	file *os.File
	done int64
	// etag ties a resumed transfer to the same content; empty when the server gave none.
	etag string
}

// fetch downloads rawURL into file, which must be empty. Errors name field.
func (d *download) fetch(ctx context.Context, field, rawURL string, file *os.File) (sum string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return "", &InputError{Field: field, Problem: fmt.Sprintf("%q is not an http or https URL", rawURL), Remedy: "give https://host/path without user or password", Err: err}
	}
	if d.allowed != nil && !d.allowed(u.Host) {
		return "", &InputError{Field: field, Problem: fmt.Sprintf("host %q is not allowed", u.Host), Remedy: "ask the admin to add it to --allowed-data-hosts"}
	}
	client := d.clientFor(u)
	t := &transfer{file: file}
	backoff := d.backoff
	for attempt := 1; ; attempt++ {
		before := t.done
		err := d.attempt(ctx, client, u, t)
		if err == nil {
			return hashFile(file)
		}
		var input *InputError
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.As(err, &input):
			input.Field = field
			return "", input
		case errors.Is(err, errPermanent):
			return "", &InputError{Field: field, Problem: err.Error(), Remedy: "check the URL", Err: err}
		case t.done > before:
			attempt, backoff = 0, d.backoff // it moves: the budget is for standing still
		case attempt >= downloadAttempts:
			return "", fmt.Errorf("%s: fetch %s: gave up after %d attempts: %w", field, u.Redacted(), attempt, err)
		}
		d.warn("Download interrupted, trying again", "url", u.Redacted(), "bytes", t.done, "err", err)
		if err := pause(ctx, backoff); err != nil {
			return "", err
		}
		backoff = min(2*backoff, longestBackoff)
	}
}

// clientFor copies the client with redirects bound to the URL's own host and, once on
// https, to https.
func (d *download) clientFor(u *url.URL) *http.Client {
	c := *d.client
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) > maxRedirects:
			return &InputError{Problem: fmt.Sprintf("more than %d redirects", maxRedirects), Remedy: "give the final URL"}
		case req.URL.Host != u.Host:
			return &InputError{Problem: fmt.Sprintf("the server redirects to another host, %q", req.URL.Host), Remedy: "give the final URL, on a host the admin allows"}
		case u.Scheme == "https" && req.URL.Scheme != "https":
			return &InputError{Problem: "the server redirects from https to " + req.URL.Scheme, Remedy: "give an https URL"}
		}
		return nil
	}
	return &c
}

// attempt makes one request and appends what it gets.
func (d *download) attempt(ctx context.Context, client *http.Client, u *url.URL, t *transfer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errPermanent, err)
	}
	if t.done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.done))
		if t.etag != "" {
			req.Header.Set("If-Range", t.etag)
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := t.accept(resp); err != nil {
		return err
	}
	total := int64(0)
	if resp.ContentLength >= 0 {
		total = t.done + resp.ContentLength
	}
	if total > d.limit {
		return tooLarge(total, d.limit)
	}
	return d.copy(resp.Body, t, total)
}

// accept decides by the status whether the body continues, restarts or is refused.
func (t *transfer) accept(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusPartialContent && t.done > 0:
		var from int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from); err != nil || from != t.done {
			return t.restart(fmt.Errorf("the server answered a request for byte %d with range %q", t.done, resp.Header.Get("Content-Range")))
		}
		return nil
	case resp.StatusCode == http.StatusOK:
		t.etag = ""
		if tag := resp.Header.Get("ETag"); len(tag) > 0 && tag[0] == '"' {
			t.etag = tag
		}
		return t.restart(nil)
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return t.restart(errors.New("the server refuses the range; starting from the first byte"))
	case resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500:
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return fmt.Errorf("%w: it answered %s", errPermanent, resp.Status)
}

// restart empties the file; err is passed through.
func (t *transfer) restart(err error) error {
	t.done = 0
	if terr := t.file.Truncate(0); terr != nil {
		return terr
	}
	if _, serr := t.file.Seek(0, io.SeekStart); serr != nil {
		return serr
	}
	return err
}

// copy appends the body to the file, up to the limit.
func (d *download) copy(body io.Reader, t *transfer, total int64) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if t.done+int64(n) > d.limit {
				return tooLarge(t.done+int64(n), d.limit)
			}
			if _, werr := t.file.Write(buf[:n]); werr != nil {
				return fmt.Errorf("keep the file while it is checked: %w", werr)
			}
			t.done += int64(n)
			d.progress(t.done, total)
		}
		switch {
		case errors.Is(err, io.EOF) && total > 0 && t.done < total:
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func tooLarge(n, limit int64) *InputError {
	return &InputError{Problem: fmt.Sprintf("the file has %d bytes or more", n), Remedy: fmt.Sprintf("source files may have at most %d bytes", limit)}
}

func hashFile(f *os.File) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	_, err := f.Seek(0, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil)), err
}

// pause waits for d with up to a quarter of jitter, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d + rand.N(d/4+1)) //nolint:gosec // jitter is no secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
