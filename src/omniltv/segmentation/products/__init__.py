"""Next products: what a customer is likely to buy next."""

from omniltv.segmentation.products.next_product import NextProduct, fit_next_product

__all__ = ["NextProduct", "fit_next_product"]
