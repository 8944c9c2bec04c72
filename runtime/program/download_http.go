package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const maxRedirects = 5

// defaultHTTPClient has time-outs for everything but the body, which may be long.
func defaultHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 nil,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
		IdleConnTimeout:       60 * time.Second,
		MaxIdleConnsPerHost:   connections,
		// The digest is that of the file as it lies on the server.
		DisableCompression: true,
	}}
}

// httpRemote is a file on a web server. It follows redirects only within the URL's own host.
type httpRemote struct {
	client *http.Client
	url    *url.URL
}

// newHTTPRemote checks the URL and that its host is allowed; nil allows all hosts.
func newHTTPRemote(client *http.Client, rawURL string, allowed func(host string) bool) (*httpRemote, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return nil, &InputError{Problem: fmt.Sprintf("%q is not an http or https URL", rawURL), Remedy: "give https://host/path without user or password", Err: err}
	}
	if allowed != nil && !allowed(u.Host) {
		return nil, &InputError{Problem: fmt.Sprintf("host %q is not allowed", u.Host), Remedy: "ask the admin to add it to --allowed-data-hosts"}
	}
	bound := *client
	bound.CheckRedirect = func(req *http.Request, via []*http.Request) error {
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
	return &httpRemote{client: &bound, url: u}, nil
}

func (h *httpRemote) name() string { return h.url.Redacted() }

func (h *httpRemote) open(ctx context.Context, offset, length int64, tag string) (*stream, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPermanent, err)
	}
	if offset > 0 || length >= 0 {
		want := fmt.Sprintf("bytes=%d-", offset)
		if length >= 0 {
			want += strconv.FormatInt(offset+length-1, 10)
		}
		req.Header.Set("Range", want)
		if tag != "" {
			req.Header.Set("If-Range", tag)
		}
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, err
	}
	s, err := accept(resp, offset)
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return s, nil
}

// accept decides by the status what the body is.
func accept(resp *http.Response, offset int64) (*stream, error) {
	s := &stream{ReadCloser: resp.Body, size: resp.ContentLength, tag: identity(resp.Header)}
	switch code := resp.StatusCode; {
	case code == http.StatusPartialContent:
		from, size, err := contentRange(resp.Header.Get("Content-Range"))
		if err != nil || from != offset {
			return nil, fmt.Errorf("the server answered a request for byte %d with range %q", offset, resp.Header.Get("Content-Range"))
		}
		s.from, s.size, s.ranged = from, size, true
		return s, nil
	case code == http.StatusOK:
		return s, nil
	case code == http.StatusRequestedRangeNotSatisfiable && offset == 0: // the file is empty
		_ = resp.Body.Close()
		s.ReadCloser, s.size = http.NoBody, 0
		return s, nil
	case code == http.StatusRequestedRangeNotSatisfiable:
		return nil, errChanged
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	return nil, fmt.Errorf("%w: it answered %s", errPermanent, resp.Status)
}

// identity is what ties two answers to the same content and may stand in If-Range: a strong entity tag, or a date.
func identity(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return h.Get("Last-Modified")
}

// contentRange reads "bytes 5-9/20"; the size is -1 where it is "*".
func contentRange(text string) (from, size int64, err error) {
	rest, ok := strings.CutPrefix(text, "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	first, _, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, errors.New("no range")
	}
	if from, err = strconv.ParseInt(first, 10, 64); err != nil {
		return 0, 0, err
	}
	if total == "*" {
		return from, -1, nil
	}
	if size, err = strconv.ParseInt(total, 10, 64); err == nil && size < from {
		err = errors.New("the range is outside of the file")
	}
	return from, size, err
}
