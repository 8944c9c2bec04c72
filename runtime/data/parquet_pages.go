package data

import (
	"bufio"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	// maxPageBytes is the largest page, unpacked.
	maxPageBytes = 1 << 30
	// maxPageRatio bounds what a page unfolds to, beyond a small one.
	maxPageRatio, smallPage = 1100, 1 << 20
	// maxPageValues is the most values of a page: its levels are a byte each in memory.
	maxPageValues = 4 << 20
)

// checkPages walks the page headers of two columns before anything is unpacked: the decoder allocates what they
// claim, so that they must not claim more than is there, or than bytes can unfold to.
func checkPages(r io.ReaderAt, m *format.FileMetaData, size int64, columns ...int) error {
	for _, group := range m.RowGroups {
		for _, i := range columns {
			if i >= len(group.Columns) {
				return &FormatError{0, fmt.Sprintf("a row group lacks column %d", i), nil}
			}
			c := &group.Columns[i].MetaData
			from := c.DataPageOffset
			if o := c.DictionaryPageOffset; o > 0 && o < from {
				from = o
			}
			if from < 4 || c.TotalCompressedSize < 0 || from > size || c.TotalCompressedSize > size-from {
				return &FormatError{max(0, from), fmt.Sprintf("a column chunk of %d bytes lies outside of the file of %d bytes", c.TotalCompressedSize, size), nil}
			}
			if c.NumValues < 0 || c.NumValues > size {
				return &FormatError{from, fmt.Sprintf("a column chunk claims %d values in a file of %d bytes", c.NumValues, size), nil}
			}
			if err := checkChunk(r, from, from+c.TotalCompressedSize); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkChunk(r io.ReaderAt, from, to int64) error {
	header := &format.PageHeader{}
	for from < to {
		count := &counter{r: io.NewSectionReader(r, from, to-from), most: to - from}
		in := bufio.NewReaderSize(count, 4<<10)
		*header = format.PageHeader{}
		if err := thrift.NewDecoder((&thrift.CompactProtocol{}).NewReader(in)).Decode(header); err != nil {
			return &FormatError{from, "a page's header is damaged", err}
		}
		at := from + count.n - int64(in.Buffered())
		packed, unpacked := int64(header.CompressedPageSize), int64(header.UncompressedPageSize)
		values := max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues, header.DictionaryPageHeader.V.NumValues)
		switch {
		case packed < 0 || packed > to-at:
			return &FormatError{from, fmt.Sprintf("a page of %d bytes reaches beyond its column chunk", packed), nil}
		case unpacked < 0 || unpacked > maxPageBytes || unpacked > smallPage+maxPageRatio*packed:
			return &FormatError{from, fmt.Sprintf("a page claims to unpack %d bytes to %d", packed, unpacked), nil}
		case values > maxPageValues:
			return &FormatError{from, fmt.Sprintf("a page claims %d values, at most %d are read", values, maxPageValues), nil}
		}
		from = at + packed
	}
	return nil
}
