// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read a virtual machine from libvirt's XML
 *
 * libvirt has no elements for CXL: host bridges and ports are in
 * qemu:commandline, which it adds to its own command line.  Of the latter, the
 * machine's type and memory are needed, and host devices.  libvirt plugs these
 * into PCIe ports, unless qemu:override names another bus.
 */
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "util.h"
#include "vm.h"

#define QEMU_NAMESPACE	"http://libvirt.org/schemas/domain/qemu/1.0"

struct words {
	char **each;
	size_t nr;
};

static void add(struct words *words, char *word)
{
	*append(words->each, words->nr) = word;
}

static bool is_named(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE &&
	       !strcmp((const char *)node->name, name);
}

static xmlNode *child(const xmlNode *node, const char *name)
{
	xmlNode *each;

	for (each = node ? node->children : NULL; each; each = each->next)
		if (is_named(each, name))
			return each;
	return NULL;
}

/* An attribute, or the contents, as a string to be freed; NULL for none */
static char *take(xmlChar *value)
{
	char *text = value ? xstrdup((const char *)value) : NULL;

	xmlFree(value);
	return text;
}

static char *attribute(xmlNode *node, const char *name)
{
	return node ? take(xmlGetProp(node, (const xmlChar *)name)) : NULL;
}

static void add_machine(struct words *words, const xmlNode *domain)
{
	char *type = attribute(child(child(domain, "os"), "type"), "machine");

	if (type) {
		add(words, xstrdup("-machine"));
		add(words, type);
	}
}

/* <memory unit='KiB'>4194304</memory> */
static void add_memory(struct words *words, const xmlNode *domain)
{
	xmlNode *node = child(domain, "memory");
	char *unit, *number;

	if (!node)
		return;
	unit = attribute(node, "unit");
	number = take(xmlNodeGetContent(node));
	add(words, xstrdup("-m"));
	add(words, xprintf("%s%c", number, unit ? *unit : 'K'));
	free(unit);
	free(number);
}

static unsigned long number(xmlNode *node, const char *name)
{
	char *text = attribute(node, name);
	unsigned long value = text ? strtoul(text, NULL, 0) : 0;

	free(text);
	return value;
}

/* A child of the domain in QEMU's namespace, or NULL */
static xmlNode *qemu_child(const xmlNode *domain, const char *name)
{
	xmlNode *node = child(domain, name);

	return node && node->ns && !strcmp((const char *)node->ns->href,
					   QEMU_NAMESPACE) ? node : NULL;
}

static bool has(xmlNode *node, const char *name, const char *value)
{
	char *text = attribute(node, name);
	bool same = text && value && !strcmp(text, value);

	free(text);
	return same;
}

/* The bus that qemu:override names for the device with an alias, or NULL */
static char *override_bus(const xmlNode *domain, const char *alias)
{
	const xmlNode *override = qemu_child(domain, "override"), *front;
	xmlNode *device, *each;

	for (device = override ? override->children : NULL; device;
	     device = device->next) {
		if (!is_named(device, "device") || !has(device, "alias", alias))
			continue;
		front = child(device, "frontend");
		for (each = front ? front->children : NULL; each;
		     each = each->next)
			if (is_named(each, "property") &&
			    has(each, "name", "bus"))
				return attribute(each, "value");
	}
	return NULL;
}

static void add_host_device(struct words *words, const xmlNode *domain,
			    xmlNode *node)
{
	xmlNode *address = child(child(node, "source"), "address");
	char *alias, *bus;

	if (!has(node, "type", "pci") || !address)
		return;
	alias = attribute(child(node, "alias"), "name");
	bus = override_bus(domain, alias);
	add(words, xstrdup("-device"));
	add(words, xprintf("vfio-pci,host=%04lx:%02lx:%02lx.%lx%s%s",
			   number(address, "domain"), number(address, "bus"),
			   number(address, "slot"), number(address, "function"),
			   bus ? ",bus=" : "", bus ?: ""));
	free(alias);
	free(bus);
}

static void add_host_devices(struct words *words, const xmlNode *domain)
{
	const xmlNode *devices = child(domain, "devices");
	xmlNode *each;

	for (each = devices ? devices->children : NULL; each; each = each->next)
		if (is_named(each, "hostdev"))
			add_host_device(words, domain, each);
}

static void add_commandline(struct words *words, const xmlNode *domain)
{
	const xmlNode *line = qemu_child(domain, "commandline");
	xmlNode *each;

	for (each = line ? line->children : NULL; each; each = each->next) {
		char *value = is_named(each, "arg") ? attribute(each, "value") :
						      NULL;

		if (value)
			add(words, value);
	}
}

void vm_from_libvirt(struct vm *vm, const char *name, const char *text,
		     size_t size, struct memories *memories)
{
	const xmlNode *domain;
	struct words words = { 0 };
	xmlDoc *document;
	size_t i;

	document = xmlReadMemory(text, (int)size, name, NULL,
				 XML_PARSE_NONET | XML_PARSE_NOERROR);
	if (!document)
		die(STATUS_USAGE, "%s: not well-formed XML", name);
	domain = xmlDocGetRootElement(document);
	if (!is_named(domain, "domain"))
		die(STATUS_USAGE, "%s: not a libvirt domain", name);
	add_machine(&words, domain);
	add_memory(&words, domain);
	add_host_devices(&words, domain);
	add_commandline(&words, domain);
	vm_from_qemu(vm, words.each, words.nr, memories);
	for (i = 0; i < words.nr; i++)
		free(words.each[i]);
	free(words.each);
	xmlFreeDoc(document);
}
