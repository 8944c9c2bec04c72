// Command screenshot takes a picture of a report for the documentation. docs/images/report.png
// is the sample zoo's; this made it (out holds MNIST by `weightspace dataset import`):
//
//	weightspace run -f config/samples/dataset-mnist.yaml -f config/samples/modelzoo-mnist-small.yaml --store out
//	weightspace report --store out --artifact default/modelzoo/mnist-small --to out/report
//	go run ./hack/screenshot -in out/report/report.html -out docs/images/report.png
//
// It needs a chromium on the PATH (apt-get install chromium). The picture is of the top of the
// page; -height, -width and -scale say how much and how fine.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

type options struct {
	in, out       string
	width, height int64
	scale         float64
	dark          bool
}

func main() {
	var o options
	flag.StringVar(&o.in, "in", "report.html", "HTML file to show")
	flag.StringVar(&o.out, "out", "docs/images/report.png", "PNG file to write")
	flag.Int64Var(&o.width, "width", 1160, "width of the window in CSS pixels")
	flag.Int64Var(&o.height, "height", 1560, "height of the picture in CSS pixels")
	flag.Float64Var(&o.scale, "scale", 1, "device pixels per CSS pixel")
	flag.BoolVar(&o.dark, "dark", false, "use the dark colour scheme")
	flag.Parse()
	if err := shoot(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

// shoot loads the page in a headless browser and writes the picture.
func shoot(ctx context.Context, o options) error {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("no browser: install it with `apt-get install chromium`: %w", err)
	}
	path, err := filepath.Abs(o.in)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(chromedp.ExecPath(browser), chromedp.NoSandbox))
	defer cancel()
	scheme := "light"
	if o.dark {
		scheme = "dark"
	}
	address := url.URL{Scheme: "file", Path: path}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(o.width, o.height, chromedp.EmulateScale(o.scale))); err != nil {
		return fmt.Errorf("starting %s: %w", browser, err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return fmt.Errorf("choosing the %s colour scheme: %w", scheme, err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(address.String())); err != nil {
		return fmt.Errorf("loading %s: %w", address.String(), err)
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return fmt.Errorf("taking the picture: %w", err)
	}
	return os.WriteFile(o.out, png, 0o644)
}
