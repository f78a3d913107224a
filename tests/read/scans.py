"""PDFs of scanned pages, so that the tests of reading need no library that writes them."""

import cv2

from .drawing import write


def pdf(*objects):
    """A PDF of numbered objects, the first of which is its catalogue."""
    content, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(objects) + 1, len(content)
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\n"
        b"startxref\n%d\n%%%%EOF" % (size, table, size, start)
    )


def stream(entries, body):
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(body), body)


def scanned(*texts, side=400):
    """A PDF with a page for each text, on which its picture lies."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    kids = []
    for text in texts:
        number = len(objects) + 1
        kids.append(b"%d 0 R" % number)
        picture = write(text)
        height, width = picture.shape[:2]
        tall = side * height // width
        objects += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents %d 0 R"
            b"/Resources<</XObject<</I %d 0 R>>>>>>" % (side, tall, number + 1, number + 2),
            stream(b"", b"%d 0 0 %d 0 0 cm /I Do" % (side, tall)),
            stream(
                b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8"
                b"/Filter/DCTDecode/Width %d/Height %d" % (width, height),
                cv2.imencode(".jpg", picture)[1].tobytes(),
            ),
        ]
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    return pdf(*objects)
